import {
  memoryBus,
  polledBus,
  sealedBus,
  tableRecords,
  type Bus,
  type OpenedSealer,
  type Records,
  type Tables,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { slidingWindow, type Limiter, type LimitSettings } from '../domain/limit.ts';
import { openLimits } from './limits.ts';
import { openRedis } from './redis.ts';

// What several instances share beside the tables. With Redis all of it lies there; without, there is one instance, and it
// counts for itself and keeps on the tables what ends.

/** What several instances share beside the tables. */
export interface Together {
  /**
   * What ends and may be lost, of every instance; unsealed, so `sealedRecords` belongs around it. Closed with the ground.
   */
  readonly records: Records;
  /**
   * "This changed", to every instance, this one included. It only makes things faster; after a flush whatever was
   * remembered of the topic counts no more.
   */
  readonly news: Bus;
  /** Count uses by key, of every instance where there is Redis. @param name which limit it is */
  limits(name: string, settings: LimitSettings): Limiter;
  /** Whether other instances work on the same tables. */
  readonly several: boolean;
  /** Where each of them is. */
  readonly kinds: TogetherKinds;
}

/** Where what is shared lies; nothing secret. */
export interface TogetherKinds {
  readonly records: 'redis' | 'tables';
  readonly bus: 'redis' | 'tables' | 'process';
  readonly limits: 'redis' | 'process';
}

/** What several instances of one test are given instead of what the configuration names; closed by whoever opened it. */
export interface Shared {
  readonly tables?: Tables | undefined;
  readonly bus?: Bus | undefined;
}

/** What it is opened on. */
export interface TogetherParts {
  readonly config: Pick<AppConfig, 'redis'>;
  readonly tables: Tables;
  readonly sealer: OpenedSealer;
  readonly given: Shared;
  readonly log: Log;
  readonly now: () => number;
}

/**
 * Open it.
 *
 * @throws Refusal `store_insecure`, `store_unavailable`, `config_invalid`: Redis that is configured and cannot be reached is
 *   never replaced by anything
 */
export async function openTogether(
  parts: TogetherParts,
): Promise<Together & { readonly close: () => Promise<void> }> {
  const { config, sealer, log, now } = parts;
  if (config.redis === undefined) return withoutRedis(parts);
  const mark = sealer.blind('redis', 'prefix').slice(0, 16);
  const { records, bus, counter, close } = await openRedis(config.redis, { mark, now });
  return {
    records,
    news: sealedBus(bus, sealer),
    limits: openLimits({ counter, sealer, log, now: monotonic }),
    several: true,
    kinds: { records: 'redis', bus: 'redis', limits: 'redis' },
    close,
  };
}

function withoutRedis(parts: TogetherParts): Together & { readonly close: () => Promise<void> } {
  const { news, kind, close } = busOf(parts);
  return {
    records: tableRecords(parts.tables, { now: parts.now }),
    news,
    limits: (_, settings) => slidingWindow(settings, monotonic),
    several: kind !== 'process' || parts.given.bus !== undefined,
    kinds: { records: 'tables', bus: kind, limits: 'process' },
    close,
  };
}

interface OpenedBus {
  readonly news: Bus;
  readonly kind: TogetherKinds['bus'];
  close(): Promise<void>;
}

function busOf({ tables, sealer, given }: TogetherParts): OpenedBus {
  const { bus } = given;
  if (bus !== undefined)
    return { news: sealedBus(bus, sealer), kind: 'process', close: async () => undefined };
  // The directory's lock or the claim on the tables keeps everybody else away.
  if (given.tables === undefined) {
    const own = memoryBus();
    return { news: own, kind: 'process', close: () => own.close() };
  }
  const polled = polledBus(tables);
  return { news: sealedBus(polled, sealer), kind: 'tables', close: () => polled.close() };
}

const monotonic = (): number => performance.now();
