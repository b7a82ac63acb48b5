import { expect, it } from 'vitest';
import { everyItem, keyOf, removeWhere } from './every-item.ts';
import { memoryTables } from './memory/tables.ts';

async function filled() {
  const tables = memoryTables({ now: Date.now });
  for (let at = 0; at < 7; at += 1)
    await tables.put('memberships', { groupId: `g${at % 2}`, userId: `u${at}` });
  return tables;
}

async function peopleIn(tables: Awaited<ReturnType<typeof filled>>, limit?: number): Promise<string[]> {
  const found: string[] = [];
  for await (const { userId } of everyItem(tables, 'memberships', limit)) found.push(userId);
  return found.toSorted();
}

it('every item of a table is found once, however small the pages', async () => {
  const tables = await filled();
  const all = ['u0', 'u1', 'u2', 'u3', 'u4', 'u5', 'u6'];
  expect(await peopleIn(tables, 2)).toEqual(all);
  expect(await peopleIn(tables)).toEqual(all);
});

it('what is meant is removed and counted, and nothing else', async () => {
  const tables = await filled();
  expect(await removeWhere(tables, 'memberships', ({ groupId }) => groupId === 'g0')).toBe(4);
  expect(await peopleIn(tables)).toEqual(['u1', 'u3', 'u5']);
  expect(await removeWhere(tables, 'memberships', ({ groupId }) => groupId === 'g0')).toBe(0);
});

it('a key has both parts where the table has two, and nothing of the rest', () => {
  expect(keyOf('memberships', { groupId: 'g', userId: 'u', role: 'x' })).toEqual({
    groupId: 'g',
    userId: 'u',
  });
  expect(keyOf('users', { userId: 'u', email: 'e' })).toEqual({ userId: 'u' });
});
