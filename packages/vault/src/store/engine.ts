import type { TableName } from './spec.ts';
import type { Revision, SortRange } from './tables.ts';

// What an adapter of `Tables` does itself. Rules, cursors, expiry, filters and revisions stand in front of every
// engine (`tables-on-engine.ts`), so an engine stores rows, compares conditions and reads spans, and nothing else.

/** A value that is there, or will be: embedded engines answer at once. */
export type Awaitable<V> = V | Promise<V>;

/** The key of a row. `sk` is `''` in a table without a sort attribute. */
export interface TableKey {
  readonly pk: string;
  readonly sk: string;
}

/** One stored item: `json` is the whole item, keys included. */
export interface Row extends TableKey {
  /** `undefined`: brought in by an import, not written since. */
  readonly revision: Revision | undefined;
  /** Unix seconds from which on the row counts as absent; `undefined`: never. */
  readonly ttlSeconds: number | undefined;
  readonly json: string;
}

/** What must hold of the living row before a change happens; `undefined`: nothing. An expired row counts as absent. */
export type Condition = 'absent' | 'present' | { readonly revision: Revision | undefined } | undefined;

/** One change of a set that happens as a whole. */
export type Change =
  | { readonly act: 'put'; readonly table: TableName; readonly row: Row; readonly condition: Condition }
  | {
      readonly act: 'remove' | 'check';
      readonly table: TableName;
      readonly row: TableKey;
      readonly condition: Condition;
    };

/** Where a page ended. `sort` is the index's sort value; `undefined` for the table itself and for an index without one. */
export interface Position extends TableKey {
  readonly sort?: string | number | undefined;
}

/** A stretch of one partition, in the order of its sort values; equal ones by key. */
export interface Span {
  /** Name of an index of the table; `undefined`: the table itself. */
  readonly index: string | undefined;
  readonly partition: string;
  readonly range: SortRange | undefined;
  readonly descending: boolean;
  /** Rows at most. A page also ends at {@link pageBytesMax}. */
  readonly limit: number;
  /** Begin behind this position, in reading direction. It lies in `range`. */
  readonly after: Position | undefined;
}

/** A page of rows, expired ones among them. `more`: another page may follow. */
export interface Rows {
  readonly rows: readonly Row[];
  readonly more: boolean;
}

/** A page ends with the row that reaches this many characters of JSON, so that no read holds up the process. As DynamoDB's 1 MB. */
const pageBytesMax = 1024 * 1024;

/** The storage under one adapter. Methods throw `Refusal` `store_unavailable` and nothing else on purpose. */
export interface Engine {
  /** Consistent; the row may be expired. */
  get(table: TableName, key: TableKey): Awaitable<Row | undefined>;
  /** All changes or none. Returns the index of the first whose condition failed; `undefined` when all happened. */
  apply(changes: readonly Change[], nowSeconds: number): Awaitable<number | undefined>;
  /** Write these rows of one table, whatever lies there; no key twice. Not as a whole, and the same however often it is done. */
  fill(table: TableName, rows: readonly Row[]): Awaitable<void>;
  /** How long `apply` takes at most, in milliseconds: by then it has happened, or it never will. */
  readonly writeMsMax: number;
  read(table: TableName, span: Span): Awaitable<Rows>;
  scan(table: TableName, limit: number, after: TableKey | undefined): Awaitable<Rows>;
  close(): Awaitable<void>;
}

/** Whether the row counts as absent at this time. */
export function expired(ttlSeconds: number | undefined, nowSeconds: number): boolean {
  return ttlSeconds !== undefined && ttlSeconds <= nowSeconds;
}

/** Whether the condition holds of the row that stands there, `undefined` for none. */
export function holds(
  condition: Condition,
  row: Pick<Row, 'revision' | 'ttlSeconds'> | undefined,
  nowSeconds: number,
): boolean {
  if (condition === undefined) return true;
  const living = row !== undefined && !expired(row.ttlSeconds, nowSeconds);
  if (condition === 'absent') return !living;
  if (condition === 'present') return living;
  return living && row.revision === condition.revision;
}

/** Cut a page out of rows that come in order: at the limit or at {@link pageBytesMax}, whichever is first. */
export function cutPage(rows: Iterable<Row>, limit: number): Rows {
  const page: Row[] = [];
  let size = 0;
  for (const row of rows) {
    if (page.length >= limit || size >= pageBytesMax) return { rows: page, more: true };
    page.push(row);
    size += row.json.length;
  }
  return { rows: page, more: false };
}
