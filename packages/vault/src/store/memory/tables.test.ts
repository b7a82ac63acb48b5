import { expect, it } from 'vitest';
import { memoryTables } from './tables.ts';

const byEmail = { index: 'email-index', partition: 'a@b', limit: 10 } as const;

it('an index does not show a write before its lag has passed', async () => {
  let nowMs = 1_000_000;
  const tables = memoryTables({ now: () => nowMs, indexLagMs: 50 });
  await tables.put('users', { userId: 'u', email: 'a@b' });
  nowMs += 49;
  expect((await tables.query('users', byEmail)).items).toEqual([]);
  expect(await tables.get('users', { userId: 'u' })).toBeDefined();
  nowMs += 1;
  expect((await tables.query('users', byEmail)).items).toHaveLength(1);
});

it('a lagging index still shows what was removed, with the revision it had', async () => {
  const tables = memoryTables({ now: () => 0 });
  const revision = await tables.put('users', { userId: 'u', email: 'a@b' });
  tables.settle();
  await tables.remove('users', { userId: 'u' });
  const stale = await tables.query('users', byEmail);
  expect(stale.items).toEqual([{ item: { userId: 'u', email: 'a@b' }, revision }]);
  expect(await tables.put('users', { userId: 'u', email: 'x' }, { ifRevision: revision })).toBeUndefined();
  tables.settle();
  expect((await tables.query('users', byEmail)).items).toEqual([]);
});

it('a page that reaches its limit has a cursor although nothing follows', async () => {
  const tables = memoryTables({ now: () => 0 });
  await tables.put('memberships', { groupId: 'g', userId: 'u' });
  const { cursor = '' } = await tables.query('memberships', { partition: 'g', limit: 1 });
  expect(await tables.query('memberships', { partition: 'g', limit: 1, cursor })).toEqual({
    items: [],
    cursor: undefined,
  });
});
