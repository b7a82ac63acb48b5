import {
  everyPage,
  tableSpecs,
  type ItemOf,
  type KeyOf,
  type TableName,
  type TableSpec,
  type Tables,
} from '@sealgate/vault';

/** Told how many rows of a table were removed. */
export type CountRemoved = (table: string, rows: number) => Promise<void>;

const pageLimit = 200;

/**
 * Remove the rows of a table that are meant.
 *
 * @returns how many there were
 */
export async function removeWhere<T extends TableName>(
  tables: Tables,
  table: T,
  meant: (item: ItemOf<T>) => boolean,
): Promise<number> {
  let removed = 0;
  for await (const { items } of everyPage((from) => tables.scan(table, { limit: pageLimit, ...from })))
    for (const { item } of items)
      if (meant(item) && (await tables.remove(table, keyOf(table, item)))) removed += 1;
  return removed;
}

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

function keyOf<T extends TableName>(table: T, item: ItemOf<T>): KeyOf<T> {
  const { partition, sort }: TableSpec = tableSpecs[table];
  const names = sort === undefined ? [partition] : [partition, sort];
  return Object.fromEntries(names.map((name) => [name, item[name]])) as unknown as KeyOf<T>;
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
  for await (const { items } of everyPage((from) =>
    tables.scan('connections', { limit: pageLimit, ...from }),
  ))
    found.push(...items.map(({ item }) => item).filter(meant));
  return found;
}
