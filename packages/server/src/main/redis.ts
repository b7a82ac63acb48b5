import { Refusal, type Bus, type Records, type UseCounter } from '@sealgate/vault';
import type { RedisChoice } from '../config.ts';
import { loadAdapter } from './adapter.ts';

/** Redis, as far as several instances share it. */
export interface SharedRedis {
  readonly records: Records;
  readonly bus: Bus;
  readonly counter: UseCounter;
  close(): Promise<void>;
}

/** What {@link openRedis} needs from outside. */
export interface RedisMeans {
  /** Of this deployment alone: two that use one Redis do not see each other's keys and messages. */
  readonly mark: string;
  readonly now: () => number;
}

/**
 * Connect to Redis. The adapter is loaded only when there is one to connect to.
 *
 * @throws Refusal `store_insecure`, `store_unavailable`, `config_invalid` when the adapter's package is not installed
 */
export async function openRedis(choice: RedisChoice, { mark, now }: RedisMeans): Promise<SharedRedis> {
  const { openRedis: connect, redisBus, redisRecords, redisUseCounter } = await adapter();
  const { url, authToken, allowPlaintext } = choice;
  const server = await connect({
    url: url.reveal(),
    authToken: authToken?.reveal(),
    allowPlaintext,
  }).catch(namesVariable);
  try {
    const prefix = `sealgate:${mark}:`;
    const records = redisRecords(server, { now, prefix });
    const bus = await redisBus(server, { prefix });
    return {
      records,
      bus,
      counter: redisUseCounter(server, { prefix }),
      async close() {
        await bus.close();
        await records.close();
        await server.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

function namesVariable(error: unknown): never {
  if (!(error instanceof Refusal) || error.code !== 'store_unavailable') throw error;
  const message = `${error.message}: the gateway does not start without the Redis of REDIS_URL`;
  throw new Refusal('store_unavailable', message, error.detail);
}

function adapter() {
  const needs = { setting: 'REDIS_URL', package: '@redis/client' };
  return loadAdapter(() => import('@sealgate/vault/redis'), needs);
}
