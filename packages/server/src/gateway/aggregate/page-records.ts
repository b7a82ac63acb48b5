import { hash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, sealedRecords, within, type Records, type Sealer } from '@sealgate/vault';
import type { Values } from '../front/target.ts';
import { openPageEpochs, type PageEpochParts, type PageEpochs, type PagesOf } from './page-epochs.ts';
import { keptMs } from './page.ts';

// Pages that several instances share, behind the memory of each: sealed, under names that nobody can read. Whatever fails
// here is a page that is not there.

/** Pages of more are kept by each instance for itself. */
const pageBytesMax = 240 * 1024;
/** Longest wait for the store, and how long one that is away is left alone. */
const patienceMs = 500;
const restMs = 5000;

/** A page as it was fetched. */
export interface KeptPage {
  readonly result: Values;
  /** Characters of it, as JSON. */
  readonly length: number;
  readonly fetchedAtMs: number;
}

/** Where the pages of one upstream lie until they are dropped. */
export interface PagePlace {
  get(key: string): Promise<KeptPage | undefined>;
  /** Nobody waits for it. @param text the result as JSON */
  put(key: string, text: string, fetchedAtMs: number): void;
}

/** Pages that instances share. Nothing here fails, or takes long. */
export interface PageRecords extends Pick<PageEpochs, 'onDropped'> {
  /** `undefined`: nothing is shared of this upstream now. */
  placeOf(of: PagesOf): Promise<PagePlace | undefined>;
  /** What is kept of an upstream counts no more, at any instance. */
  drop(of: PagesOf): void;
  close(): Promise<void>;
}

/** What they stand on. */
export interface PageRecordParts extends Omit<PageEpochParts, 'recordsOf'> {
  /** Unsealed, shared by all instances; closed by whoever opened them. */
  readonly records: Records;
  readonly sealer: Sealer;
}

/** Share pages. @throws Refusal `store_unavailable` when nothing can be heard of the others */
export async function openPageRecords(parts: PageRecordParts): Promise<PageRecords> {
  const { records, sealer, now } = parts;
  const recordsOf = (tenant: string): Records =>
    sealedRecords(records, sealer, { kind: 'record', table: 'tool_lists', tenant });
  const { attempt, settled } = openPatience(now);
  const epochs = await openPageEpochs({ ...parts, recordsOf });
  return {
    async placeOf(of) {
      if (epochs.isChanging(of)) return undefined;
      const epoch = await attempt(() => epochs.read(of));
      if (epoch === undefined || epochs.isChanging(of)) return undefined;
      const pages = recordsOf(of.tenant);
      const nameOf = (key: string): string => `${epoch}/${hash('sha256', key, 'base64url')}`;
      return {
        async get(key) {
          const found = await attempt(() => pages.get(nameOf(key)));
          return found === undefined ? undefined : pageIn(found.bytes, now());
        },
        put(key, text, fetchedAtMs) {
          const bytes = Buffer.from(`${fetchedAtMs} ${text}`);
          if (bytes.length > pageBytesMax) return;
          void attempt(() => pages.put(nameOf(key), bytes, { endsAtMs: fetchedAtMs + keptMs }));
        },
      };
    },
    drop: epochs.renew,
    onDropped: epochs.onDropped,
    async close() {
      await epochs.close();
      await settled();
    },
  };
}

// Authentic when it gets here: one of us wrote it.
function pageIn(bytes: Uint8Array, nowMs: number): KeptPage {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  const at = text.indexOf(' ');
  const result = JSON.parse(text.slice(at + 1)) as Values;
  // The clock of whoever wrote it may be ahead.
  return { result, length: text.length - at - 1, fetchedAtMs: Math.min(nowMs, Number(text.slice(0, at))) };
}

/** Uses of a store that may be slow or away: what is not done in time was not done. */
function openPatience(now: () => number) {
  let restsUntilMs = -Infinity;
  const underway = new Set<Promise<unknown>>();
  return {
    async attempt<T>(work: () => Promise<T>): Promise<T | undefined> {
      if (now() < restsUntilMs) return undefined;
      const working = work().finally(() => underway.delete(working));
      underway.add(working);
      try {
        return await within(patienceMs, working);
      } catch (error) {
        // What does not open was changed by somebody; the next page that is put there replaces it.
        if (error instanceof Refusal && error.code === 'open_failed') return undefined;
      }
      restsUntilMs = now() + restMs;
      return undefined;
    },
    /** What is under way is done, or will not be in time. */
    settled: () => Promise.race([Promise.allSettled(underway), sleep(patienceMs, undefined, { ref: false })]),
  };
}
