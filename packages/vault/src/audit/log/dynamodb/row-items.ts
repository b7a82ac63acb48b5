import type { IndexRow, RowQuery } from '../segments.ts';
import { bytesIn, itemAt, numberIn, packed, padded, unpacked, type Attributes } from './items.ts';
import type { LogTable } from './log-table.ts';

// By what entries are found: some 256 rows an item, in the order of their first row's time. No item spans more than a
// minute, so one knows from the place of an item how far its neighbours may reach into it.

const rowsMax = 256;
const spanMs = 60_000;
const pageItems = 32;
/** Of a time in milliseconds. */
const digits = 15;

/** Items of these rows. */
export function rowItems(part: string, rows: readonly IndexRow[]): Attributes[] {
  const items: IndexRow[][] = [];
  for (const row of rows.toSorted(inTime)) {
    const last = items.at(-1);
    if (last === undefined || last.length === rowsMax || row.ts - last[0]!.ts > spanMs) items.push([row]);
    else last.push(row);
  }
  return items.map((own) => {
    const { ts, ix } = own[0]!;
    const place = `rows#${padded(ts, digits)}#${padded(ix, 12)}`;
    return itemAt({ part, place }, { ts: { N: String(ts) }, bytes: { B: packed(own) } });
  });
}

/** Rows of a log that a query asks for. */
export async function findRows(table: LogTable, part: string, query: RowQuery): Promise<IndexRow[]> {
  const { sinceMs = 0, untilMs = Infinity, descending = false, after, limit } = query;
  const low = descending || after === undefined ? sinceMs : Math.max(sinceMs, after.ts);
  const high = descending && after !== undefined ? Math.min(untilMs, after.ts + 1) : untilMs;
  const places = {
    from: `rows#${padded(Math.max(0, Math.floor(low - spanMs)), digits)}`,
    to: high === Infinity ? 'rows#~' : `rows#${padded(Math.max(0, Math.ceil(high)), digits)}`,
  };
  const wanted = wantedBy(query);
  const found: IndexRow[] = [];
  let waiting: IndexRow[] = [];
  // A row goes out when no item that follows can hold one before it.
  const take = (isNext: (row: IndexRow) => boolean) => {
    const sorted = waiting.toSorted(descending ? (a, b) => inTime(b, a) : inTime);
    const end = sorted.findIndex((row) => !isNext(row));
    found.push(...(end === -1 ? sorted : sorted.slice(0, end)));
    waiting = end === -1 ? [] : sorted.slice(end);
  };
  for await (const page of table.pages({ part, places, descending, page: pageItems })) {
    for (const item of page) {
      const ts = numberIn(item, 'ts');
      take((row) => (descending ? row.ts > ts + spanMs : row.ts < ts));
      waiting.push(...(unpacked(bytesIn(item, 'bytes')) as IndexRow[]).filter(wanted));
    }
    if (found.length >= limit) return found.slice(0, limit);
  }
  take(() => true);
  return found.slice(0, limit);
}

function wantedBy({ tags = {}, sinceMs = 0, untilMs = Infinity, descending = false, after }: RowQuery) {
  const asked = Object.entries(tags);
  return (row: IndexRow): boolean => {
    const own = row.tags as Readonly<Record<string, number | undefined>>;
    if (row.ts < sinceMs || row.ts >= untilMs || asked.some(([name, tag]) => own[name] !== tag)) return false;
    if (after === undefined) return true;
    return descending ? inTime(row, after) < 0 : inTime(row, after) > 0;
  };
}

function inTime(a: Pick<IndexRow, 'ts' | 'ix'>, b: Pick<IndexRow, 'ts' | 'ix'>): number {
  return a.ts - b.ts || a.ix - b.ix;
}
