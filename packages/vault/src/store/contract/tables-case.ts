import type { KeyOf, TableName } from '../spec.ts';
import type { Item, ItemOf, Page, Query, Stored, Tables } from '../tables.ts';
import assert from 'node:assert/strict';

/** A fresh adapter, as a case of `tablesContract` needs it. */
export interface OpenedTables {
  readonly tables: Tables;
  /** Write items as an import does: without a revision. */
  bringIn<T extends TableName>(table: T, ...items: readonly ItemOf<T>[]): Promise<void>;
  /** Resolves when every index shows every write so far. */
  settle(): Promise<void>;
  /** Close the adapter and remove what it stored. */
  close(): Promise<void>;
}

/** Opens an empty adapter that reads its time from `now`, in milliseconds since 1970. */
export type OpenTables = (options: { readonly now: () => number }) => Promise<OpenedTables>;

/** One promise of `Tables`. `run` throws an assertion error when the adapter breaks it. */
export interface TablesCase {
  readonly name: string;
  run(open: OpenTables): Promise<void>;
}

/** What the body of a case works with. */
export interface TablesBench extends OpenedTables {
  /** Set to move the adapter's time. */
  readonly clock: { nowMs: number };
}

/** A case that opens an adapter, runs, and closes it whatever happens. */
export function onTables(name: string, body: (bench: TablesBench) => Promise<void>): TablesCase {
  return {
    name,
    async run(open) {
      const clock = { nowMs: Date.now() };
      const { tables, bringIn, settle, close } = await open({ now: () => clock.nowMs });
      try {
        await body({ tables, bringIn, settle, close, clock });
      } finally {
        await close();
      }
    },
  };
}

/** The item, which has to be there. */
export async function read<T extends TableName>(
  tables: Tables,
  table: T,
  key: KeyOf<T>,
): Promise<Stored<ItemOf<T>>> {
  const stored = await tables.get(table, key);
  assert.ok(stored, `an item of ${table} is missing`);
  return stored;
}

/** All items of a query, page by page. Fails when the pages do not end. */
export async function readAll<T extends TableName>(
  tables: Tables,
  table: T,
  query: Query<T>,
): Promise<readonly ItemOf<T>[]> {
  return pages((cursor) => tables.query(table, cursor === undefined ? query : { ...query, cursor }));
}

/** All items of a table, page by page. */
export async function scanAll<T extends TableName>(
  tables: Tables,
  table: T,
  limit: number,
): Promise<readonly ItemOf<T>[]> {
  return pages((cursor) => tables.scan(table, cursor === undefined ? { limit } : { limit, cursor }));
}

async function pages<I extends Item>(
  next: (cursor: string | undefined) => Promise<Page<I>>,
): Promise<readonly I[]> {
  const items: I[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 1000; page += 1) {
    const found = await next(cursor);
    items.push(...found.items.map(({ item }) => item));
    cursor = found.cursor;
    if (cursor === undefined) return items;
  }
  assert.fail('the pages do not end');
}

/** Asserts that the work is refused with this code. */
export async function refused(code: string, work: () => Promise<unknown>): Promise<void> {
  await assert.rejects(work, (error: unknown) => {
    assert.ok(error instanceof Error, 'what was thrown is no error');
    assert.equal((error as Error & { code?: unknown }).code, code, error.message);
    return true;
  });
}
