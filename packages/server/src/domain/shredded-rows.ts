import { everyItem, everyPage, removeWhere, type ItemOf, type TableName, type Tables } from '@sealgate/vault';

/** Told how many rows of a table were removed. */
export type CountRemoved = (table: string, rows: number) => Promise<void>;

const pageLimit = 200;

/** Remove what describes a group: itself, who is in it, and what it was set up with. May be repeated. */
export async function removeGroupRows(tables: Tables, groupId: string, count: CountRemoved): Promise<void> {
  for (const table of ['memberships', 'invitations', 'roles', 'policies', 'approvals'] as const)
    await count(table, await removeWhere<TableName>(tables, table, (item) => item['groupId'] === groupId));
  await count(
    'upstream_eras',
    await removeWhere(tables, 'upstream_eras', ({ upstreamKey }) => upstreamKey.startsWith(`${groupId}/`)),
  );
  await count('groups', (await tables.remove('groups', { groupId })) ? 1 : 0);
}

/** People in a group, read consistently. */
export async function membersOf(tables: Tables, groupId: string): Promise<readonly string[]> {
  const members: string[] = [];
  const question = { partition: groupId, limit: pageLimit };
  for await (const { items } of everyPage((from) => tables.query('memberships', { ...question, ...from })))
    members.push(...items.map(({ item }) => item.userId));
  return members;
}

/** Rows of connections that are meant, of every group. */
export async function everyConnection(
  tables: Tables,
  meant: (row: ItemOf<'connections'>) => boolean,
): Promise<readonly ItemOf<'connections'>[]> {
  const found: ItemOf<'connections'>[] = [];
  for await (const row of everyItem(tables, 'connections')) if (meant(row)) found.push(row);
  return found;
}
