import { everyPage } from './every-page.ts';
import { tableSpecs, type KeyOf, type TableName, type TableSpec } from './spec.ts';
import type { ItemOf, Tables } from './tables.ts';

const pageRows = 500;

/**
 * Every item of a table, page by page, as a scan finds them.
 *
 * @param limit rows of a page; 500 when not given
 * @throws Refusal `store_unavailable`
 */
export async function* everyItem<T extends TableName>(
  tables: Pick<Tables, 'scan'>,
  table: T,
  limit = pageRows,
): AsyncGenerator<ItemOf<T>, void, undefined> {
  for await (const { items } of everyPage((from) => tables.scan(table, { limit, ...from })))
    for (const { item } of items) yield item;
}

/**
 * Remove the items of a table that are meant.
 *
 * @returns how many there were
 * @throws Refusal `store_unavailable`
 */
export async function removeWhere<T extends TableName>(
  tables: Pick<Tables, 'scan' | 'remove'>,
  table: T,
  meant: (item: ItemOf<T>) => boolean,
): Promise<number> {
  let removed = 0;
  for await (const item of everyItem(tables, table, 200))
    if (meant(item) && (await tables.remove(table, keyOf(table, item)))) removed += 1;
  return removed;
}

/** The key of an item, as it lies. */
export function keyOf<T extends TableName>(table: T, item: ItemOf<T>): KeyOf<T> {
  const { partition, sort }: TableSpec = tableSpecs[table];
  const names = sort === undefined ? [partition] : [partition, sort];
  return Object.fromEntries(names.map((name) => [name, item[name]])) as unknown as KeyOf<T>;
}
