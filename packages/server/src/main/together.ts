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
import { slidingWindow, type Limiter, type LimitSettings } from '../domain/limit.ts';
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
  /** Where each of them is. */
  readonly kinds: TogetherKinds;
}

/** Where what is shared lies; nothing secret. */
export interface TogetherKinds {
  readonly records: 'redis' | 'tables';
  readonly bus: 'redis' | 'tables' | 'process';
  readonly limits: 'redis' | 'process';
}

/** What it is opened on. */
export interface TogetherParts {
  readonly config: Pick<AppConfig, 'redis'>;
  readonly tables: Tables;
  readonly sealer: OpenedSealer;
  /** Whether nobody else can write to these tables. */
  readonly alone: boolean;
  /** The bus of several instances in one test, closed by whoever opened it. */
  readonly bus: Bus | undefined;
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
  const { config, sealer, now } = parts;
  if (config.redis === undefined) return withoutRedis(parts);
  const mark = sealer.blind('redis', 'prefix').slice(0, 16);
  const { records, bus, close } = await openRedis(config.redis, { mark, now });
  return {
    records,
    news: sealedBus(bus, sealer),
    limits: (_, settings) => slidingWindow(settings, monotonic),
    kinds: { records: 'redis', bus: 'redis', limits: 'process' },
    close,
  };
}

function withoutRedis(parts: TogetherParts): Together & { readonly close: () => Promise<void> } {
  const { news, kind, close } = busOf(parts);
  return {
    records: tableRecords(parts.tables, { now: parts.now }),
    news,
    limits: (_, settings) => slidingWindow(settings, monotonic),
    kinds: { records: 'tables', bus: kind, limits: 'process' },
    close,
  };
}

interface OpenedBus {
  readonly news: Bus;
  readonly kind: TogetherKinds['bus'];
  close(): Promise<void>;
}

function busOf({ tables, sealer, alone, bus }: TogetherParts): OpenedBus {
  if (bus !== undefined)
    return { news: sealedBus(bus, sealer), kind: 'process', close: async () => undefined };
  if (alone) {
    const own = memoryBus();
    return { news: own, kind: 'process', close: () => own.close() };
  }
  const polled = polledBus(tables);
  return { news: sealedBus(polled, sealer), kind: 'tables', close: () => polled.close() };
}

const monotonic = (): number => performance.now();
