import { memoryTables } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { ensureLocalAdministrator } from './people.ts';

test('however many ask at once, there is one local administrator with one personal group', async () => {
  const tables = memoryTables({ now: Date.now });
  const asked = Array.from({ length: 20 }, () => ensureLocalAdministrator(tables, Date.now));
  const [first, ...others] = await Promise.all([...asked, ensureLocalAdministrator(tables, Date.now)]);
  for (const other of others) expect(other).toEqual(first);
  for (const table of ['users', 'groups', 'memberships'] as const)
    expect((await tables.scan(table, { limit: 100 })).items).toHaveLength(1);
  expect(
    (await tables.get('memberships', { groupId: first!.tenant, userId: first!.subject }))?.item['role'],
  ).toBe('owner');
});
