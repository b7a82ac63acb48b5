import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import { openBatch, type Batch } from './batch.ts';
import type { Entry } from './entry.ts';
import type { Rows } from './rows.ts';

/** Which entries, and in which order. */
export interface EntryQuery {
  /** Only this tenant's. `undefined`: all tenants', for the operator of the deployment alone. */
  readonly tenant?: string;
  /** Only attempts of this act. Outcomes carry none: ask by `cause` for them. */
  readonly act?: string;
  /** Only outcomes of this attempt. */
  readonly cause?: string;
  /** Not older than this, in milliseconds since 1970. */
  readonly sinceMs?: number;
  readonly order: 'newest' | 'oldest';
  /** Entries at most, 1 to 1000. A page may be short or empty and still have a cursor. */
  readonly limit: number;
  /** From the page before, of the same query. */
  readonly cursor?: string;
}

/** One page. `cursor` is `undefined` on the last one. */
export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly cursor: string | undefined;
}

// One page opens at most this much, so that no question blocks the loop for long.
const batchesMax = 512;
const bytesMax = 1024 * 1024;

/** Where to go on: a batch, and how many of its entries have been looked at in the order of reading. */
interface Position {
  readonly n: number;
  readonly skip: number;
}

/**
 * One page of entries.
 *
 * @throws Refusal `cursor_invalid`, `item_invalid` for a limit outside 1 to 1000, `journal_broken` for a row that does
 *   not open, `audit_unavailable`, `key_unavailable`
 */
export async function readPage(rows: Rows, sealer: Sealer, query: EntryQuery): Promise<EntryPage> {
  if (!Number.isInteger(query.limit) || query.limit < 1 || query.limit > 1000)
    throw refuse('item_invalid', 'a page has 1 to 1000 entries');
  const newest = query.order === 'newest';
  const entries: Entry[] = [];
  const page = (position?: Position) => ({
    entries,
    cursor: position === undefined ? undefined : cursorOf(sealer, query, position),
  });
  let { n, skip } =
    query.cursor === undefined ? await startOf(rows, sealer, query) : positionOf(sealer, query, query.cursor);
  let batches = 0;
  let bytes = 0;
  for (let block = rows.from(n, newest); block.length > 0; block = rows.from(n, newest)) {
    for (const batch of block) {
      if (batches >= batchesMax || bytes >= bytesMax) return page({ n, skip });
      const all = await entriesOf(sealer, batch);
      for (const entry of (newest ? all.toReversed() : all).slice(skip)) {
        if (newest && entry.ts < (query.sinceMs ?? 0)) return page();
        skip += 1;
        if (!matches(entry, query)) continue;
        entries.push(entry);
        if (entries.length >= query.limit) return page({ n, skip });
      }
      n = batch.n + (newest ? -1 : 1);
      skip = 0;
      batches += 1;
      bytes += batch.payload.length;
    }
  }
  return page();
}

function matches(entry: Entry, { tenant, act, cause, sinceMs }: EntryQuery): boolean {
  return (
    (tenant === undefined || entry.tenant === tenant) &&
    (act === undefined || entry.act === act) &&
    (cause === undefined || entry.cause === cause) &&
    (sinceMs === undefined || entry.ts >= sinceMs)
  );
}

/** Time never goes back along the chain, so the first batch of a time is found by halving. */
async function startOf(rows: Rows, sealer: Sealer, { order, sinceMs }: EntryQuery): Promise<Position> {
  const last = rows.last()?.n ?? 0;
  if (order === 'newest') return { n: last, skip: 0 };
  let low = 1;
  let high = sinceMs === undefined ? 1 : last;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = rows.at(middle);
    if (batch === undefined) throw damaged(middle);
    const ends = (await entriesOf(sealer, batch)).at(-1)!;
    if (ends.ts < sinceMs!) low = middle + 1;
    else high = middle;
  }
  return { n: low, skip: 0 };
}

async function entriesOf(sealer: Sealer, batch: Batch): Promise<Entry[]> {
  const lines = await openBatch(sealer, batch).catch((error: unknown) => {
    throw error instanceof Refusal && error.code === 'key_unavailable' ? error : damaged(batch.n, error);
  });
  if (lines === undefined) throw damaged(batch.n);
  return lines.map((line) => JSON.parse(line) as Entry);
}

function cursorOf(sealer: Sealer, query: EntryQuery, { n, skip }: Position): string {
  const { order, tenant, act, cause, sinceMs } = query;
  const bound = JSON.stringify([n, skip, order, tenant ?? null, act ?? null, cause ?? null, sinceMs ?? null]);
  return `${n}.${skip}.${sealer.blind('journal cursor', bound)}`;
}

function positionOf(sealer: Sealer, query: EntryQuery, cursor: string): Position {
  const [n, skip] = cursor.split('.').map(Number);
  const position = { n: n ?? -1, skip: skip ?? -1 };
  if (cursor !== cursorOf(sealer, query, position))
    throw refuse('cursor_invalid', 'this cursor is of another query');
  return position;
}

function damaged(n: number, cause?: unknown): Refusal {
  return refuse('journal_broken', 'the audit journal is damaged', `batch ${n} does not open`, cause);
}
