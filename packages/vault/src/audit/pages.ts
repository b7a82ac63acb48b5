import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import type { Batch } from './batch.ts';
import type { Entry } from './entry.ts';
import { entryMatcher, filterText, type EntryFilter } from './filter.ts';
import type { Rows, Soon } from './rows.ts';
import { isTrimmed, openRow } from './trim-mark.ts';

/** Which entries, and in which order. */
export interface EntryQuery extends EntryFilter {
  readonly order: 'newest' | 'oldest';
  /** Entries at most, 1 to 1000. A page may be short or empty and still have a cursor. */
  readonly limit: number;
  /** Oldest first, and on with what is still to come: every page has a cursor, the last one, too. */
  readonly follow?: boolean;
  /** From the page before, of the same query. */
  readonly cursor?: string;
  /** By writer: only what lies behind that in its journal. A journal that is not among them is read whole. */
  readonly behind?: ReadonlyMap<string, Behind>;
}

/** A place in a journal: an entry, and the last batch that lies before it as a whole or ends with it; 0 for none. */
export interface Behind {
  readonly batch: number;
  readonly entry: number;
}

/** One page. `cursor` is `undefined` on the last one. */
export interface EntryPage {
  readonly entries: readonly Entry[];
  readonly cursor: string | undefined;
  /** How far it was read: the number of the entry looked at last, from 1, of how many there are. */
  readonly reached: { readonly entry: number; readonly of: number };
}

/** Batches that one page opens at most, so that no question blocks the loop for long. */
export const batchesMax = 512;
/** Bytes that one page opens, but for the last batch. */
export const bytesMax = 1024 * 1024;
/** Batches read at once. A full one is a fifth of a page: what is read ahead of its end is read for nothing. */
export const blockMax = 4;

/** Where to go on: a batch, and how many of its entries have been looked at in the order of reading. */
export interface Position {
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
  checkLimit(query);
  const newest = query.order === 'newest';
  const matches = entryMatcher(query);
  const entries: Entry[] = [];
  const last = await rows.last();
  const behind = behindIn(query, last?.writer);
  const of = last === undefined ? 0 : last.first + last.count - 1;
  let entry = newest ? of : 0;
  const page = (position?: Position): EntryPage => ({
    entries,
    cursor: position === undefined ? undefined : cursorOf(sealer, query, position),
    reached: { entry, of: Math.max(entry, of) },
  });
  let { n, skip } =
    query.cursor === undefined
      ? await startOf(rows, sealer, query, last)
      : positionOf(sealer, query, query.cursor);
  // A batch may be long: it is not read to see that nothing of it is wanted.
  if (newest ? n <= behind.batch : n > (last?.n ?? 0))
    return page(query.follow === true ? { n, skip } : undefined);
  let batches = 0;
  let bytes = 0;
  const next = (): Soon<Batch[]> => rows.from(n, newest, blockMax);
  for (let block = await next(); block.length > 0; block = await next()) {
    for (const batch of block) {
      if (batches >= batchesMax || bytes >= bytesMax) return page({ n, skip });
      if (newest && batch.n <= behind.batch) return page();
      refuseGone(batch, { n, skip }, query, behind);
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

/** @throws Refusal `item_invalid` for a limit outside 1 to 1000 */
export function checkLimit({ limit }: EntryQuery): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw refuse('item_invalid', 'a page has 1 to 1000 entries');
}

/**
 * Whoever reads on, or behind what is sealed, must not miss what has left meanwhile.
 *
 * @throws Refusal `audit_unavailable` when the batch is a trim mark and stands for entries that were to come
 */
export function refuseGone(
  batch: Batch,
  { n, skip }: Position,
  { order, cursor, behind: asked }: EntryQuery,
  behind: Behind,
): void {
  if (!isTrimmed(batch) || (cursor === undefined && asked === undefined)) return;
  const gone =
    order === 'oldest' ? batch.n > n || skip < batch.count : asked !== undefined && batch.n > behind.batch;
  if (gone)
    throw refuse(
      'audit_unavailable',
      'what comes next has left the audit journal for the sealed log; ask again from the beginning',
      `batch ${batch.n}`,
    );
}

/** Whether nothing behind it can be meant. */
export function isPast({ ts }: Entry, { order, sinceMs, untilMs }: EntryQuery): boolean {
  return order === 'newest' ? ts < (sinceMs ?? 0) : ts > (untilMs ?? Infinity);
}

/** Behind what the journal of a writer is meant. */
export function behindIn({ behind }: EntryQuery, writer: string | undefined): Behind {
  return (writer === undefined ? undefined : behind?.get(writer)) ?? { batch: 0, entry: 0 };
}

/** Where reading begins. @param last the last batch; `undefined` for an empty journal */
export async function startOf(
  rows: Rows,
  sealer: Sealer,
  query: EntryQuery,
  last: Pick<Batch, 'n' | 'writer'> | undefined,
): Promise<Position> {
  const { order, sinceMs, untilMs } = query;
  const behind = behindIn(query, last?.writer);
  const n = last?.n ?? 0;
  // What comes before may not be there any more.
  if (behind.entry > 0) return { n: order === 'newest' ? n : behind.batch + 1, skip: 0 };
  const bound = order === 'newest' ? untilMs && untilMs + 1 : sinceMs;
  const end = order === 'newest' ? n : 1;
  return { n: bound === undefined ? end : await firstEnding(rows, sealer, n, bound), skip: 0 };
}

/** The first batch that ends at that time or later, or the last one. Time never goes back along the chain: by halving. */
export async function firstEnding(rows: Rows, sealer: Sealer, last: number, atMs: number): Promise<number> {
  const [start] = await rows.from(1, false, 1);
  let low = start?.n ?? 1;
  let high = last;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const batch = await rows.at(middle);
    // Before a trim mark something may be missing, and the mark itself has no entries.
    const ends = batch && (await entriesOf(sealer, batch)).at(-1);
    if ((ends?.ts ?? -Infinity) < atMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Entries of a batch. @throws Refusal `journal_broken` when it does not open, `key_unavailable` */
export async function entriesOf(sealer: Sealer, batch: Batch): Promise<Entry[]> {
  const lines = await openRow(sealer, batch).catch((error: unknown) => {
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
