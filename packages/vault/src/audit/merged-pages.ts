import type { Sealer } from '../keys/sealer.ts';
import { refuse } from '../refusal.ts';
import type { Batch } from './batch.ts';
import type { Entry } from './entry.ts';
import { entryMatcher, filterText } from './filter.ts';
import {
  batchesMax,
  behindIn,
  blockMax,
  bytesMax,
  checkLimit,
  entriesOf,
  isPast,
  refuseGone,
  startOf,
  type Behind,
  type EntryPage,
  type EntryQuery,
  type Position,
} from './pages.ts';
import type { Rows } from './rows.ts';

// Pages over several journals. Each has its own order, which stays; between them the time of the entries decides, as far as
// clocks agree. A cursor names a place in each. Who follows hears of journals that begin meanwhile; other questions are about
// those that there were when they were asked.

/** One of several journals. */
export interface NamedRows {
  /** No two have the same: hexadecimal digits. */
  readonly writer: string;
  readonly rows: Rows;
}

/** Where the reading of one journal stands. */
interface Head extends NamedRows {
  n: number;
  skip: number;
  /** Entries in the journal. */
  of: number;
  /** What lies before is not meant. */
  readonly behind: Behind;
  /** Batches that were read ahead. */
  block: Batch[];
  /** The batch `n`, when it is open. */
  batch: Batch | undefined;
  /** Its entries in the order of reading. */
  entries: readonly Entry[];
  /** Nothing more is meant, or there. */
  done: boolean;
}

/** What a page is made of, and may come to. */
interface Reading {
  readonly sealer: Sealer;
  readonly query: EntryQuery;
  left: { batches: number; bytes: number };
}

/**
 * One page of entries of several journals.
 *
 * @throws Refusal as {@link readPage}
 */
export async function readMerged(
  journals: readonly NamedRows[],
  sealer: Sealer,
  query: EntryQuery,
): Promise<EntryPage> {
  checkLimit(query);
  const reading: Reading = { sealer, query, left: { batches: batchesMax, bytes: bytesMax } };
  const heads = await headsOf(journals, reading);
  await Promise.all(heads.map((head) => fill(head, reading)));
  const matches = entryMatcher(query);
  const entries: Entry[] = [];
  while (entries.length < query.limit) {
    const head = nextOf(heads, query);
    if (head === undefined) break;
    const entry = head.entries[head.skip]!;
    head.skip += 1;
    if (numberOf(head, query) > head.behind.entry && matches(entry)) entries.push(entry);
    if (head.skip < head.entries.length) continue;
    if (reading.left.batches <= 0 || reading.left.bytes <= 0) break;
    await fill(head, reading);
  }
  return { entries, cursor: cursorOf(heads, reading), reached: reachedBy(heads, query) };
}

async function headsOf(journals: readonly NamedRows[], { sealer, query }: Reading): Promise<Head[]> {
  const places = query.cursor === undefined ? undefined : placesIn(sealer, query, query.cursor);
  const meant = journals.filter(
    ({ writer }) => places === undefined || query.follow === true || places.has(writer),
  );
  return Promise.all(
    meant.map(async ({ writer, rows }): Promise<Head> => {
      const last = await rows.last();
      const position = places?.get(writer) ?? (await startOf(rows, sealer, query, last));
      const of = last === undefined ? 0 : last.first + last.count - 1;
      const behind = behindIn(query, writer);
      const unread = { block: [], batch: undefined, entries: [], done: false };
      return { writer, rows, ...position, of, behind, ...unread };
    }),
  );
}

/** Open batches until there is an entry to look at. */
async function fill(head: Head, { sealer, query, left }: Reading): Promise<void> {
  const newest = query.order === 'newest';
  while (head.skip >= head.entries.length || head.batch === undefined) {
    if (head.batch !== undefined) {
      head.n = head.batch.n + (newest ? -1 : 1);
      head.skip = 0;
      head.batch = undefined;
    }
    if (head.block.length === 0) head.block = await head.rows.from(head.n, newest, blockMax);
    const batch = head.block.shift();
    if (batch === undefined || (newest && batch.n <= head.behind.batch)) return void (head.done = true);
    refuseGone(batch, head, query, head.behind);
    const all = await entriesOf(sealer, batch);
    Object.assign(head, { n: batch.n, batch, entries: newest ? all.toReversed() : all });
    left.batches -= 1;
    left.bytes -= batch.payload.length;
  }
  if (isPast(head.entries[head.skip]!, query)) head.done = true;
}

/** Number of the entry that was looked at last. */
function numberOf({ batch, skip }: Head, { order }: EntryQuery): number {
  const { first, count } = batch!;
  return order === 'newest' ? first + count - skip : first + skip - 1;
}

/** The journal whose next entry comes first. */
function nextOf(heads: readonly Head[], { order }: EntryQuery): Head | undefined {
  let first: Head | undefined;
  for (const head of heads) {
    if (head.done) continue;
    const comes = first === undefined ? 0 : compared(head.entries[head.skip]!, first.entries[first.skip]!);
    if (first === undefined || (order === 'newest' ? comes > 0 : comes < 0)) first = head;
  }
  return first;
}

function compared(one: Entry, other: Entry): number {
  return one.ts - other.ts || (one.id < other.id ? -1 : 1);
}

function reachedBy(heads: readonly Head[], { order }: EntryQuery): EntryPage['reached'] {
  let [entry, of] = [0, 0];
  for (const { batch, skip, done, of: there } of heads) {
    const end = batch === undefined ? there : Math.max(there, batch.first + batch.count - 1);
    of += end;
    if (batch === undefined) entry += done && order === 'oldest' ? end : 0;
    else
      entry += order === 'oldest' ? batch.first + skip - 1 : Math.min(batch.first + batch.count - skip, end);
  }
  return { entry, of };
}

function cursorOf(heads: readonly Head[], { sealer, query }: Reading): string | undefined {
  const follow = query.follow === true;
  const open = heads.filter(({ done }) => follow || !done);
  if (open.length === 0 && !follow) return undefined;
  return cursorAt(sealer, query, new Map(open.map(({ writer, n, skip }) => [writer, { n, skip }])));
}

function cursorAt(sealer: Sealer, query: EntryQuery, places: ReadonlyMap<string, Position>): string {
  const text = [...places].map(([writer, { n, skip }]) => `${writer}.${n}.${skip}`).join('~');
  const bound = JSON.stringify([text, query.order, query.follow === true, filterText(query)]);
  return `${text}~${sealer.blind('journal cursor', bound)}`;
}

function placesIn(sealer: Sealer, query: EntryQuery, cursor: string): ReadonlyMap<string, Position> {
  const places = new Map(
    cursor
      .split('~')
      .slice(0, -1)
      .filter((part) => part !== '')
      .map((part) => {
        const [writer = '', n, skip] = part.split('.');
        return [writer, { n: Number(n), skip: Number(skip) }] as const;
      }),
  );
  if (cursor !== cursorAt(sealer, query, places))
    throw refuse('cursor_invalid', 'this cursor is of another query');
  return places;
}
