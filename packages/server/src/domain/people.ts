import { randomUUID } from 'node:crypto';
import type { Tables } from '@sealgate/vault';
import { refuse } from '../errors.ts';

// Everyone has a personal group. Before anybody can sign in there is one person: whoever runs this process.

/** A person and the group they act in. */
export interface Membership {
  /** The person (`users.userId`). */
  readonly subject: string;
  /** The group (`groups.groupId`). */
  readonly tenant: string;
}

const pointer = { uniqueKey: 'local-administrator' };

/**
 * The local administrator: the account behind the command line and the development bearer. Made at the first call with a
 * personal group and a membership, all or nothing; every later or simultaneous call gives the same.
 */
export async function ensureLocalAdministrator(tables: Tables, now: () => number): Promise<Membership> {
  const known = await localAdministrator(tables);
  if (known !== undefined) return known;
  const [userId, groupId, createdAtMs] = [randomUUID(), randomUUID(), now()];
  const made = await tables.transact([
    { put: 'uniques', item: { ...pointer, userId, groupId }, guard: { ifAbsent: true } },
    { put: 'users', item: { userId, name: 'Local administrator', createdAtMs }, guard: { ifAbsent: true } },
    {
      put: 'groups',
      item: { groupId, name: 'Personal', kind: 'personal', ownerId: userId, createdAtMs },
      guard: { ifAbsent: true },
    },
    { put: 'memberships', item: { groupId, userId, role: 'owner', createdAtMs }, guard: { ifAbsent: true } },
  ]);
  if (made.done) return { subject: userId, tenant: groupId };
  const other = await localAdministrator(tables);
  if (other === undefined) throw refuse('internal', 'the local administrator could not be made');
  return other;
}

async function localAdministrator(tables: Tables): Promise<Membership | undefined> {
  const item = (await tables.get('uniques', pointer))?.item;
  if (item === undefined) return undefined;
  return { subject: item['userId'] as string, tenant: item['groupId'] as string };
}
