import { everyPage } from '../../store/every-page.ts';
import { tableSpecs, type KeyOf, type TableName, type TableSpec } from '../../store/spec.ts';
import type { Item, ItemOf, Tables } from '../../store/tables.ts';
import { sealedFields, sealedFieldsOf } from '../sealed-fields.ts';

// Rows in which something was sealed under keys that are gone. Nothing opens there any more; the rows go, too.

const pageRows = 200;

/** Whose rows. */
export interface Gone {
  readonly tenants: readonly string[];
  /** `undefined`: no person. */
  readonly subject: string | undefined;
}

/** Remove them. @param removed told of each table in which there were some */
export async function removeSealedRows(
  tables: Tables,
  gone: Gone,
  removed: (table: TableName, rows: number) => Promise<void>,
): Promise<void> {
  for (const table of Object.keys(sealedFields) as TableName[]) {
    let rows = 0;
    for await (const { items } of everyPage((from) => tables.scan(table, { limit: pageRows, ...from })))
      for (const { item } of items)
        if (isSealedFor(table, item, gone) && (await tables.remove(table, keyOf(table, item)))) rows += 1;
    await removed(table, rows);
  }
}

/** Whether an attribute of the item is sealed for one of them. */
function isSealedFor(table: TableName, item: Item, { tenants, subject }: Gone): boolean {
  return sealedFieldsOf(table).some(([, { tenantAttribute, subjectAttribute }]) => {
    const tenant = tenantAttribute === undefined ? undefined : item[tenantAttribute];
    const owner = subjectAttribute === undefined ? undefined : item[subjectAttribute];
    return (
      (typeof tenant === 'string' && tenants.includes(tenant)) || (subject !== undefined && owner === subject)
    );
  });
}

/** The key of an item, as it lies. */
function keyOf<T extends TableName>(table: T, item: ItemOf<T>): KeyOf<T> {
  const { partition, sort }: TableSpec = tableSpecs[table];
  const names = sort === undefined ? [partition] : [partition, sort];
  return Object.fromEntries(names.map((name) => [name, item[name]])) as unknown as KeyOf<T>;
}
