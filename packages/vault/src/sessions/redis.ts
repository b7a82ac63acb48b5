import type { RedisAddress } from '../store/redis/address.ts';
import { redisRecords } from '../store/redis/records.ts';
import { openRedis, type RedisServer } from '../store/redis/server.ts';
import type { SessionStoreConfig } from './config.ts';
import { openStore, type OpenedRecords } from './open-store.ts';
import { SealedSessionStore } from './sealed-session-store.ts';

/** Sessions in Redis. */
export interface RedisSessionStoreConfig extends SessionStoreConfig {
  /** An address to connect to, or a connection (`openRedis`) that others use too and that stays open. */
  readonly redis: RedisAddress | RedisServer;
  /** Put before every key; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
}

/** A session store in Redis 7 or later, or Valkey: one server or a cluster. */
export class RedisSessionStore extends SealedSessionStore {
  /** Connects meanwhile; a Redis that cannot be reached or must not be used (`store_insecure`) fails every call. */
  constructor({ redis, prefix, ...config }: RedisSessionStoreConfig) {
    super(openStore(config, openRecords(redis, prefix, config.now ?? Date.now)), config.timeoutMs);
  }
}

async function openRecords(
  redis: RedisAddress | RedisServer,
  prefix: string | undefined,
  now: () => number,
): Promise<OpenedRecords> {
  const given = 'send' in redis;
  const server = given ? redis : await openRedis(redis);
  const records = redisRecords(server, { now, prefix });
  return given ? { records } : { records, close: () => server.close() };
}
