import {
  cutPage,
  holds,
  type Change,
  type Engine,
  type Position,
  type Row,
  type Span,
  type TableKey,
} from '../engine.ts';
import { indexOf, specOf } from '../item-rules.ts';
import { boundsOf, within } from '../sort-range.ts';
import type { TableName } from '../spec.ts';
import type { Item } from '../tables.ts';
import { tablesOnEngine, type FillableTables, type FrontOptions } from '../tables-on-engine.ts';
import { compareSort, compareText } from '../text-order.ts';

// Tables in memory, as unkind as DynamoDB: an index sees a write only later, a page that reaches its limit has a
// cursor although nothing may follow, and what is read is a copy. For tests and for trying things out; an index
// query and a scan look at the whole table.

/** How {@link memoryTables} behaves. */
export interface MemoryTablesOptions extends FrontOptions {
  /** How long, by `now`, an index does not see a write. 1000 when not given: code that reads its own write through an index fails. */
  readonly indexLagMs?: number | undefined;
}

/** Tables in memory. */
export interface MemoryTables extends FillableTables {
  /** Let every index see every write now. */
  settle(): void;
}

type Rowset = Map<string, Row>;

/** Tables in memory, gone with the process. */
export function memoryTables({ indexLagMs = 1000, ...front }: MemoryTablesOptions): MemoryTables {
  const tables = new Map<TableName, Rowset>();
  const indexed = new Map<TableName, Rowset>();
  const pending = new Set<{ readonly visibleAtMs: number; readonly change: Change }>();

  const settleUntil = (ms: number): void => {
    for (const late of pending) {
      if (late.visibleAtMs > ms) return;
      write(indexed, late.change);
      pending.delete(late);
    }
  };
  const writeAll = (changes: readonly Change[]): void => {
    settleUntil(front.now());
    for (const change of changes) {
      write(tables, change);
      if (specOf(change.table).indexes !== undefined)
        pending.add({ visibleAtMs: front.now() + indexLagMs, change });
    }
  };
  const engine: Engine = {
    get: (table, key) => rowsOf(tables, table).get(nameOf(key)),
    apply(changes, nowSeconds) {
      const lost = changes.findIndex(
        ({ table, row, condition }) => !holds(condition, rowsOf(tables, table).get(nameOf(row)), nowSeconds),
      );
      if (lost !== -1) return lost;
      writeAll(changes);
      return undefined;
    },
    fill: (table, rows) =>
      writeAll(rows.map((row): Change => ({ act: 'put', table, row, condition: undefined }))),
    writeMsMax: 0,
    read(table, span) {
      settleUntil(front.now());
      const rows = rowsOf(span.index === undefined ? tables : indexed, table);
      return pageLikeDynamo(select(rows, table, span), span.limit);
    },
    scan(table, limit, after) {
      const rows = [...rowsOf(tables, table).values()].sort(compareKeys);
      return pageLikeDynamo(behind(rows, after), limit);
    },
    close() {
      tables.clear();
      indexed.clear();
      pending.clear();
    },
  };
  return { ...tablesOnEngine(engine, front), settle: () => settleUntil(Infinity) };
}

function behind(rows: readonly Row[], after: TableKey | undefined): readonly Row[] {
  return after === undefined ? rows : rows.filter((row) => compareKeys(row, after) > 0);
}

function rowsOf(tables: Map<TableName, Rowset>, table: TableName): Rowset {
  const rows = tables.get(table) ?? new Map<string, Row>();
  tables.set(table, rows);
  return rows;
}

function write(tables: Map<TableName, Rowset>, change: Change): void {
  const rows = rowsOf(tables, change.table);
  if (change.act === 'put') rows.set(nameOf(change.row), change.row);
  else if (change.act === 'remove') rows.delete(nameOf(change.row));
}

function nameOf({ pk, sk }: TableKey): string {
  return JSON.stringify([pk, sk]);
}

function pageLikeDynamo(rows: readonly Row[], limit: number) {
  const page = cutPage(rows, limit);
  return { rows: page.rows, more: page.more || page.rows.length === limit };
}

function select(rows: Rowset, table: TableName, span: Span): readonly Row[] {
  const bounds = boundsOf(span.range);
  const direction = span.descending ? -1 : 1;
  const compare = (a: Position, b: Position): number =>
    direction * (compareSort(a.sort ?? '', b.sort ?? '') || compareKeys(a, b));
  return [...rows.values()]
    .flatMap((row) => placed(row, table, span))
    .filter(({ sort }) => sort === undefined || within(bounds, sort))
    .filter((place) => span.after === undefined || compare(place, sortable(span, span.after)) > 0)
    .sort(compare)
    .map(({ row }) => row);
}

function placed(row: Row, table: TableName, span: Span): readonly (Position & { readonly row: Row })[] {
  const { pk, sk } = row;
  if (span.index === undefined) return pk === span.partition ? [{ pk, sk, sort: sk, row }] : [];
  const { partition, sort } = indexOf(table, span.index);
  const item = JSON.parse(row.json) as Item;
  if (item[partition] !== span.partition) return [];
  if (sort === undefined) return [{ pk, sk, sort: undefined, row }];
  const value = item[sort];
  return typeof value === 'string' || typeof value === 'number' ? [{ pk, sk, sort: value, row }] : [];
}

function sortable(span: Span, position: Position): Position {
  return span.index === undefined ? { ...position, sort: position.sk } : position;
}

function compareKeys(a: TableKey, b: TableKey): number {
  return compareText(a.pk, b.pk) || compareText(a.sk, b.sk);
}
