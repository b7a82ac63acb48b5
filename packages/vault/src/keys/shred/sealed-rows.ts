import { removeWhere } from '../../store/every-item.ts';
import type { TableName } from '../../store/spec.ts';
import type { Item, Tables } from '../../store/tables.ts';
import { sealedFields, sealedFieldsOf } from '../sealed-fields.ts';

// Rows in which something was sealed under keys that are gone. Nothing opens there any more; the rows go, too.

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
    const rows = await removeWhere<TableName>(tables, table, (item) => isSealedFor(table, item, gone));
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
