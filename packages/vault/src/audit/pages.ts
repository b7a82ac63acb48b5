import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import { openBatch, type Batch } from './batch.ts';
import type { Entry } from './entry.ts';
import { entryMatcher, filterText, type EntryFilter } from './filter.ts';
import type { Rows } from './rows.ts';

/** Which entries, and in which order. */
export interface EntryQuery extends EntryFilter {
  readonly order: 'newest' | 'oldest';
  /** Entries at most, 1 to 1000. A page may be short or empty and still have a cursor. */
  readonly limit: number;
  /** Oldest first, and on with what is still to come: every page has a cursor, the last one, too. */
  readonly follow?: boolean;
  /** From the page before, of the same query. */
  readonly cursor?: string;
  /** Only entries behind this one; `batch` is the last that lies before it as a whole. */
  readonly behind?: { readonly batch: number; readonly entry: number };
}

/** One page. `cursor` is `undefined` on the last one. */
export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly cursor: string | undefined;
  /** How far it was read: the number of the entry looked at last, from 1, of how many there are. */
  readonly reached: { readonly entry: number; readonly of: number };
}

// One page opens at most this much, so that no question blocks the loop for long.
const batchesMax = 512;
const bytesMax = 1024 * 1024;
// A full batch is a fifth of that: what is read ahead of the page's end is read for nothing.
const blockMax = 4;

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
  const matches = entryMatcher(query);
  const behind = query.behind ?? { batch: 0, entry: 0 };
  const entries: Entry[] = [];
  const last = rows.last();
  const of = last === undefined ? 0 : last.first + last.count - 1;
  let entry = newest ? of : 0;
  const page = (position?: Position): EntryPage => ({
    entries,
    cursor: position === undefined ? undefined : cursorOf(sealer, query, position),
    reached: { entry, of: Math.max(entry, of) },
  });
  let { n, skip } =
    query.cursor === undefined
      ? await startOf(rows, sealer, query, last?.n ?? 0)
      : positionOf(sealer, query, query.cursor);
  let batches = 0;
  let bytes = 0;
  const next = (): Batch[] => rows.from(n, newest, blockMax);
  for (let block = next(); block.length > 0; block = next()) {
    for (const batch of block) {
      if (batches >= batchesMax || bytes >= bytesMax) return page({ n, skip });
      if (newest && batch.n <= behind.batch) return page();
      const all = await entriesOf(sealer, batch);
      for (const one of (newest ? all.toReversed() : all).slice(skip)) {
        if (isPast(one, query)) return page();
        skip += 1;
        entry = newest ? batch.first + batch.count - skip : batch.first + skip - 1;
        if (entry <= behind.entry || !matches(one)) continue;
        entries.push(one);
        if (entries.length >= query.limit) return page({ n, skip });
      }
      n = batch.n + (newest ? -1 : 1);
      skip = 0;
      batches += 1;
      bytes += batch.payload.length;
    }
  }
  return page(query.follow === true ? { n, skip } : undefined);
}

/** Whether nothing behind it can be meant. */
function isPast({ ts }: Entry, { order, sinceMs, untilMs }: EntryQuery): boolean {
  return order === 'newest' ? ts < (sinceMs ?? 0) : ts > (untilMs ?? Infinity);
}

async function startOf(
  rows: Rows,
  sealer: Sealer,
  { order, sinceMs, untilMs, behind }: EntryQuery,
  last: number,
): Promise<Position> {
  // What comes before may not be there any more.
  if (behind !== undefined) return { n: order === 'newest' ? last : behind.batch + 1, skip: 0 };
  const bound = order === 'newest' ? untilMs && untilMs + 1 : sinceMs;
  const end = order === 'newest' ? last : 1;
  return { n: bound === undefined ? end : await firstEnding(rows, sealer, last, bound), skip: 0 };
}

/** The first batch that ends at that time or later, or the last one. Time never goes back along the chain: by halving. */
async function firstEnding(rows: Rows, sealer: Sealer, last: number, atMs: number): Promise<number> {
  let low = 1;
  let high = last;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = rows.at(middle);
    if (batch === undefined) throw damaged(middle);
    const ends = (await entriesOf(sealer, batch)).at(-1)!;
    if (ends.ts < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function entriesOf(sealer: Sealer, batch: Batch): Promise<Entry[]> {
  const lines = await openBatch(sealer, batch).catch((error: unknown) => {
    throw error instanceof Refusal && error.code === 'key_unavailable' ? error : damaged(batch.n, error);
  });
  if (lines === undefined) throw damaged(batch.n);
  return lines.map((line) => JSON.parse(line) as Entry);
}

function cursorOf(sealer: Sealer, query: EntryQuery, { n, skip }: Position): string {
  const bound = JSON.stringify([n, skip, query.order, query.follow === true, filterText(query)]);
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
