// What `@sealgate/vault/redis` is: records and sessions in Redis, and "this changed" through it. It needs `@redis/client` 6.
export type { RedisAddress } from './store/redis/address.ts';
export { redisBus, type RedisBusOptions } from './store/redis/bus.ts';
export { redisRecords, type RedisRecordsOptions } from './store/redis/records.ts';
export { openRedis, type RedisServer } from './store/redis/server.ts';
export { redisUseCounter, type RedisUseCounterOptions } from './store/redis/use-counter.ts';
export { RedisSessionStore, type RedisSessionStoreConfig } from './sessions/redis.ts';
