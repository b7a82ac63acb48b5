// What `@sealgate/vault/redis` is: records in Redis, and "this changed" through it. It needs `@redis/client` 6.
export type { RedisAddress } from './address.ts';
export { redisBus, type RedisBusOptions } from './bus.ts';
export { redisRecords, type RedisRecordsOptions } from './records.ts';
export { openRedis, type RedisServer } from './server.ts';
