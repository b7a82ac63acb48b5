import { systemTenant } from '@sealgate/vault';
import type { AdministeredShredding } from '../admin/shred-operations.ts';
import type { ToShred } from '../domain/admin-answers.ts';
import { normalAddress } from '../domain/mail-address.ts';
import { groupsWith } from '../domain/shredded-person.ts';
import { everyConnection, membersOf } from '../domain/shredded-rows.ts';
import { refuse } from '../errors.ts';
import type { Opened } from './opened.ts';

/**
 * Who is meant, and what would go with them. Nothing is changed.
 *
 * @throws Refusal `not_found`; `usage` for what cannot be shredded in this way
 */
export function lookAt(
  opened: Opened,
  asked: Parameters<AdministeredShredding['look']>[0],
): Promise<ToShred> {
  return 'tenant' in asked ? lookAtTenant(opened, asked.tenant) : lookAtPerson(opened, asked.person);
}

async function lookAtTenant({ ground }: Opened, named: string): Promise<ToShred> {
  const { tables, people, upstreams, sealer } = ground;
  if (named === systemTenant)
    throw refuse('usage', `${systemTenant} is the deployment itself; without its keys nothing opens at all`);
  const id = (await people.groupNamed(named)) ?? named;
  const group = (await tables.get('groups', { groupId: id }))?.item;
  const owner = group?.['kind'] === 'personal' ? (group['ownerId'] as string) : undefined;
  if (owner !== undefined && (await tables.get('users', { userId: owner })) !== undefined)
    throw refuse(
      'usage',
      `this is the personal group of somebody, and goes with them: sealgate keys shred --person ${owner}`,
    );
  const begun = (await sealer.administration.shredding({ kind: 'tenant', id })) !== undefined;
  // A tenant need not be a group: whoever uses the vault as a library names them.
  const keys = await tables.query('tenant_keys', { partition: id, limit: 1 });
  if (group === undefined && keys.items.length === 0 && !begun)
    throw refuse('not_found', 'there is no group of this id or name, and no key of such a tenant');
  const connections = await everyConnection(tables, ({ groupId }) => groupId === id);
  const goes = [
    'every key of it',
    counted((await membersOf(tables, id)).length, 'membership'),
    counted(upstreams.list(id).length, 'upstream'),
    counted(connections.length, 'credential'),
  ];
  const name = typeof group?.['name'] === 'string' ? group['name'] : id;
  return { kind: 'tenant', id, name, object: `keys:${id}`, goes, begun };
}

async function lookAtPerson({ ground, address }: Opened, named: string): Promise<ToShred> {
  const { tables, people, sealer, administrator } = ground;
  const mail = normalAddress(named);
  const id = (mail === undefined ? undefined : await people.findByEmail(mail))?.subject ?? named;
  const person = await people.find(id);
  const begun = (await sealer.administration.shredding({ kind: 'person', id })) !== undefined;
  if (person === undefined && !begun) throw refuse('not_found', 'there is nobody of this id or mail address');
  if (id === administrator.subject && address.port() !== undefined)
    throw refuse(
      'usage',
      'this is the local administrator, as whom the gateway works; stop the gateway first: the next start makes a new one',
    );
  const connections = await everyConnection(tables, (row) => row['subject'] === id);
  const goes = [
    'their account, sign-ins and grants',
    'every key of theirs, and their personal group',
    counted((await groupsWith(tables, id)).length, 'membership'),
    counted(connections.length, 'credential'),
  ];
  const name = person === undefined ? id : (person.email ?? person.name);
  return { kind: 'person', id, name, object: `person:${id}`, goes, begun };
}

function counted(count: number, what: string): string {
  return count === 1 ? `1 ${what}` : `${count} ${what}s`;
}
