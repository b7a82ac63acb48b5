import { memoryTables, sealedTables, type MemoryTables } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { expect, test } from 'vitest';
import { ensureLocalAdministrator, openPeople } from './people.ts';

const sealer = oneKeySealer();
const partsOn = (tables: MemoryTables) => ({ tables: sealedTables(tables, sealer), sealer, now: Date.now });

test('however many ask at once, there is one local administrator with one personal group', async () => {
  const tables = memoryTables({ now: Date.now });
  const asked = Array.from({ length: 20 }, () => ensureLocalAdministrator(partsOn(tables)));
  const [first, ...others] = await Promise.all([...asked, ensureLocalAdministrator(partsOn(tables))]);
  for (const other of others) expect(other).toEqual(first);
  for (const table of ['users', 'groups', 'memberships'] as const)
    expect((await tables.scan(table, { limit: 100 })).items).toHaveLength(1);
  expect(
    (await tables.get('memberships', { groupId: first!.tenant, userId: first!.subject }))?.item['role'],
  ).toBe('owner');
});

test('however many ask for one address at once, it is one person with one personal group', async () => {
  const tables = memoryTables({ now: Date.now });
  const people = openPeople(partsOn(tables));
  const found = await Promise.all(Array.from({ length: 20 }, () => people.ensureByEmail('ada@example.com')));
  expect(new Set(found.map(({ subject }) => subject)).size).toBe(1);
  for (const table of ['users', 'groups', 'memberships'] as const)
    expect((await tables.scan(table, { limit: 100 })).items).toHaveLength(1);
  const [ada] = found;
  expect(await people.findByEmail('ada@example.com')).toEqual(ada);
  expect(await people.find(ada!.subject)).toEqual(ada);
  expect([await people.isKnown('ada@example.com'), await people.isKnown('eve@example.com')]).toEqual([
    true,
    false,
  ]);
});

test('the local administrator is a person like others, without an address', async () => {
  const tables = memoryTables({ now: Date.now });
  const { subject, tenant } = await ensureLocalAdministrator(partsOn(tables));
  const people = openPeople(partsOn(tables));
  expect(await people.find(subject)).toEqual({
    subject,
    tenant,
    name: 'Local administrator',
    email: undefined,
  });
  expect(await people.groupsOf(subject)).toEqual([{ id: tenant, name: 'Personal' }]);
});

test('a person sees their own groups, the personal one first, and nobody else’s', async () => {
  const tables = memoryTables({ now: Date.now });
  const people = openPeople(partsOn(tables));
  const ada = await people.ensureByEmail('ada@example.com');
  const eve = await people.ensureByEmail('eve@example.com');
  for (const [groupId, name] of [
    ['g1', 'Zoo'],
    ['g2', 'Art'],
  ] as const) {
    await tables.put('groups', { groupId, name, kind: 'team' });
    await tables.put('memberships', { groupId, userId: ada.subject, role: 'member' });
  }
  const names = async () => (await people.groupsOf(ada.subject)).map(({ name }) => name);
  expect(await names()).toEqual(['Personal']);
  tables.settle();
  expect(await names()).toEqual(['Personal', 'Art', 'Zoo']);
  expect((await people.groupsOf(eve.subject)).map(({ id }) => id)).toEqual([eve.tenant]);
  expect(await people.groupsOf('nobody')).toEqual([]);
  expect([await people.isMember(ada.subject, 'g1'), await people.isMember(eve.subject, 'g1')]).toEqual([
    true,
    false,
  ]);
  expect(await people.isMember(eve.subject, ada.tenant)).toBe(false);
});

test('that somebody has signed in is remembered once and for all', async () => {
  const people = openPeople(partsOn(memoryTables({ now: Date.now })));
  expect(await people.anybodySignedIn()).toBe(false);
  await Promise.all([people.noteSignIn(), people.noteSignIn()]);
  expect(await people.anybodySignedIn()).toBe(true);
});

test('whoever reads the store finds no name and no address', async () => {
  const tables = memoryTables({ now: Date.now });
  const people = openPeople(partsOn(tables));
  await people.ensureByEmail('ada@example.com');
  const rows = await Promise.all(
    (['users', 'uniques', 'groups', 'memberships'] as const).map((table) => tables.scan(table, { limit: 9 })),
  );
  expect(JSON.stringify(rows)).not.toMatch(/ada@|@example|"ada/);
  expect(JSON.stringify(rows)).not.toContain(
    Buffer.from('ada@example.com').toString('base64url').slice(0, 8),
  );
});
