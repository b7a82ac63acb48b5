import type { EndedRow, IndexRow, RowQuery } from '../segments.ts';
import { bytesIn, itemAt, numberIn, packed, padded, unpacked, type Attributes } from './items.ts';
import type { LogTable } from './log-table.ts';

// By what entries are found: some 256 rows an item, in the order of their first row's time. No item spans more than a
// minute, so one knows from the place of an item how far its neighbours may reach into it.

type RowPlace = Pick<IndexRow, 'ts' | 'ix'>;

const rowsMax = 256;
const spanMs = 60_000;
const pageItems = 32;
/** Of a time in milliseconds. */
const digits = 15;

/** Items of these rows. What is learned of a row later lies in an item of its own, at the same time. */
export function rowItems(
  part: string,
  rows: readonly IndexRow[],
  ended: readonly EndedRow[] = [],
): Attributes[] {
  const late = rows.filter(({ cause }) => cause !== undefined);
  return [
    ...grouped(rows, (row) => row).map(({ first: { ts, ix }, own }) =>
      itemOf(part, `rows#${padded(ts, digits)}#${padded(ix, 12)}`, ts, own),
    ),
    ...grouped(ended, ({ attempt }) => attempt).map(({ first: { ts, ix }, own }) =>
      itemOf(part, `rows#${padded(ts, digits)}#${padded(ix, 12)}#${own[0]!.end.ix}`, ts, own),
    ),
    ...(late.length === 0 ? [] : [itemOf(part, `late#${padded(late[0]!.ix, 12)}`, late[0]!.ts, late)]),
  ];
}

function itemOf(part: string, place: string, ts: number, content: readonly unknown[]): Attributes {
  return itemAt({ part, place }, { ts: { N: String(ts) }, bytes: { B: packed(content) } });
}

function grouped<R>(rows: readonly R[], placeOf: (row: R) => RowPlace) {
  const groups: { readonly first: RowPlace; readonly own: R[] }[] = [];
  for (const row of rows.toSorted((a, b) => inTime(placeOf(a), placeOf(b)))) {
    const last = groups.at(-1);
    const place = placeOf(row);
    if (last === undefined || last.own.length === rowsMax || place.ts - last.first.ts > spanMs)
      groups.push({ first: place, own: [row] });
    else last.own.push(row);
  }
  return groups;
}

/** Rows of a log that a query asks for. */
export async function findRows(table: LogTable, part: string, query: RowQuery): Promise<IndexRow[]> {
  const wanted = wantedBy(query);
  if (query.caused === true) {
    const items = await table.list({ part, places: { beginWith: 'late#' } });
    const rows = items.flatMap((item) => unpacked(bytesIn(item, 'bytes')) as IndexRow[]).toSorted(inTime);
    return (query.descending === true ? rows.toReversed() : rows).filter(wanted).slice(0, query.limit);
  }
  const found: IndexRow[] = [];
  for await (const rows of everyRow(table, part, query)) {
    found.push(...rows.filter(wanted));
    if (found.length >= query.limit) return found.slice(0, query.limit);
  }
  return found;
}

/** Rows of a log at these times, in order, with what was learned of them. */
export async function* everyRow(
  table: LogTable,
  part: string,
  { sinceMs = 0, untilMs = Infinity, descending = false, after }: Omit<RowQuery, 'limit'>,
): AsyncGenerator<readonly IndexRow[]> {
  const low = descending || after === undefined ? sinceMs : Math.max(sinceMs, after.ts);
  const high = descending && after !== undefined ? Math.min(untilMs, after.ts + 1) : untilMs;
  const places = {
    from: `rows#${padded(Math.max(0, Math.floor(low - spanMs)), digits)}`,
    to: high === Infinity ? 'rows#~' : `rows#${padded(Math.max(0, Math.ceil(high)), digits)}`,
  };
  let waiting: IndexRow[] = [];
  const learned = new Map<string, EndedRow>();
  // A row goes out when no item that follows can hold one before it, or what was learned of it.
  const taken = (isNext: (row: IndexRow) => boolean): readonly IndexRow[] => {
    const sorted = waiting.toSorted(descending ? (a, b) => inTime(b, a) : inTime);
    const end = sorted.findIndex((row) => !isNext(row));
    waiting = end === -1 ? [] : sorted.slice(end);
    return (end === -1 ? sorted : sorted.slice(0, end)).map((row) => withEnd(row, learned));
  };
  for await (const page of table.pages({ part, places, descending, page: pageItems }))
    for (const item of page) {
      const ts = numberIn(item, 'ts');
      yield taken((row) => (descending ? row.ts > ts + spanMs : row.ts < ts));
      for (const row of unpacked(bytesIn(item, 'bytes')) as readonly (IndexRow | EndedRow)[])
        if ('attempt' in row) learned.set(placeText(row.attempt), row);
        else waiting.push(row);
    }
  yield taken(() => true);
}

function withEnd(row: IndexRow, learned: Map<string, EndedRow>): IndexRow {
  const place = placeText(row);
  const more = learned.get(place);
  if (more === undefined) return row;
  learned.delete(place);
  return { ...row, tags: { ...row.tags, ...more.tags }, flags: more.flags, end: more.end };
}

function placeText({ ts, ix }: RowPlace): string {
  return `${ts}/${ix}`;
}

function wantedBy(query: RowQuery) {
  const { id, tags = {}, flags = 0, sinceMs = 0, untilMs = Infinity, descending = false, after } = query;
  const asked = Object.entries(tags);
  return (row: IndexRow): boolean => {
    const own = row.tags as Readonly<Record<string, number | undefined>>;
    if (row.ts < sinceMs || row.ts >= untilMs || asked.some(([name, tag]) => own[name] !== tag)) return false;
    if ((row.flags & flags) !== flags || (id !== undefined && row.id !== id)) return false;
    if (after === undefined) return true;
    return descending ? inTime(row, after) < 0 : inTime(row, after) > 0;
  };
}

function inTime(a: RowPlace, b: RowPlace): number {
  return a.ts - b.ts || a.ix - b.ix;
}
