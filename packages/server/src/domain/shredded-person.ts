import { everyItem, removeWhere, type SealedTables, type Tables } from '@sealgate/vault';
import { seatFreed } from './groups.ts';
import type { CountRemoved } from './shredded-rows.ts';

// What says who a person is, and where they were let in: sealed under the deployment's own keys, which stay. These rows go.

/** What the rows of a person lie in. */
export interface PersonRows {
  readonly tables: Tables;
  readonly sealed: SealedTables;
}

const attemptsMax = 20;

/** What is known of somebody before they go. */
export interface KnownPerson {
  /** The personal group. */
  readonly tenant: string;
  readonly name: string;
  readonly email: string | undefined;
}

/** Groups in which the person is a member, read consistently. */
export async function groupsWith(tables: Tables, subject: string): Promise<readonly string[]> {
  const groups: string[] = [];
  for await (const item of everyItem(tables, 'memberships'))
    if (item.userId === subject) groups.push(item.groupId);
  return groups;
}

/** Remove them. May be repeated. @param known `undefined` when the account is gone already */
export async function removePersonRows(
  rows: PersonRows,
  subject: string,
  known: KnownPerson | undefined,
  count: CountRemoved,
): Promise<void> {
  const { tables } = rows;
  await count('magic_links', await removeLinks(rows, subject, known?.email));
  await count('users', await removeAccount(tables, subject));
  let memberships = 0;
  for (const groupId of await groupsWith(tables, subject))
    memberships += (await removeMembership(tables, { groupId, userId: subject })) ? 1 : 0;
  await count('memberships', memberships);
  for (const table of ['roles', 'scheduled_jobs'] as const)
    await count(table, await removeWhere(tables, table, (item) => item['userId'] === subject));
  await count(
    'messages',
    await removeWhere(tables, 'messages', (item) => item.roleKey.startsWith(`${subject}#`)),
  );
}

// The account, and the row by which an address belongs to it, all or nothing.
async function removeAccount(tables: Tables, userId: string): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stored = await tables.get('users', { userId });
    if (stored === undefined) return 0;
    const uniques = [`email/${stored.item['email'] as string}`, 'local-administrator'];
    const theirs: string[] = [];
    for (const uniqueKey of uniques)
      if ((await tables.get('uniques', { uniqueKey }))?.item['userId'] === userId) theirs.push(uniqueKey);
    const { done } = await tables.transact([
      { remove: 'users', key: { userId }, guard: { ifRevision: stored.revision } },
      ...theirs.map((uniqueKey) => ({ remove: 'uniques' as const, key: { uniqueKey } })),
    ]);
    if (done) return 1;
  }
  return 0;
}

async function removeMembership(
  tables: Tables,
  key: { readonly groupId: string; readonly userId: string },
): Promise<boolean> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stored = await tables.get('memberships', key);
    if (stored === undefined) return false;
    const group = await tables.get('groups', { groupId: key.groupId });
    const seat = group === undefined ? undefined : seatFreed(group.item, group.revision);
    const { done } = await tables.transact([
      { remove: 'memberships', key, guard: { ifRevision: stored.revision } },
      ...(seat === undefined ? [] : [seat]),
    ]);
    if (done) return true;
  }
  return false;
}

async function removeLinks(
  { tables, sealed }: PersonRows,
  subject: string,
  email: string | undefined,
): Promise<number> {
  let removed = 0;
  for await (const item of everyItem(tables, 'magic_links')) {
    if (item['asked'] === undefined) continue;
    const asked = JSON.parse((await sealed.openField('magic_links', item, 'asked')).toString()) as {
      readonly userId?: string;
      readonly email?: string;
    };
    const theirs = asked.userId === subject || (email !== undefined && asked.email === email);
    if (theirs && (await tables.remove('magic_links', { linkHash: item.linkHash }))) removed += 1;
  }
  return removed;
}
