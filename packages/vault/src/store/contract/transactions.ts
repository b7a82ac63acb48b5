import assert from 'node:assert/strict';
import type { Step } from '../tables.ts';
import { onTables, read, refused, type TablesCase } from './tables-case.ts';

/** A transaction happens as a whole or not at all, and names what it lost on. */
export const transactionCases: readonly TablesCase[] = [
  onTables('all steps of a transaction happen together', async ({ tables }) => {
    const revision = await tables.put('users', { userId: 'gone' });
    await tables.put('groups', { groupId: 'held', n: 1 });
    const held = await read(tables, 'groups', { groupId: 'held' });
    const done = await tables.transact([
      { check: 'groups', key: { groupId: 'held' }, guard: { ifRevision: held.revision } },
      { put: 'users', item: { userId: 'u', email: 'a@b' }, guard: { ifAbsent: true } },
      { put: 'uniques', item: { uniqueKey: 'email#a@b' }, guard: { ifAbsent: true } },
      { remove: 'users', key: { userId: 'gone' }, guard: { ifRevision: revision } },
      { remove: 'users', key: { userId: 'never there' } },
    ]);
    assert.deepEqual(done, { done: true });
    assert.ok(await tables.get('users', { userId: 'u' }));
    assert.ok(await tables.get('uniques', { uniqueKey: 'email#a@b' }));
    assert.equal(await tables.get('users', { userId: 'gone' }), undefined);
    assert.deepEqual(await read(tables, 'groups', { groupId: 'held' }), held);
  }),
  onTables('a lost guard undoes every step and is named by its index', async ({ tables }) => {
    await tables.put('uniques', { uniqueKey: 'taken', owner: 'first' });
    const put: Step = { put: 'users', item: { userId: 'u' } };
    const other: Step = { remove: 'uniques', key: { uniqueKey: 'taken' }, guard: { ifRevision: 'made up' } };
    const absent: Step = { check: 'groups', key: { groupId: 'none' }, guard: { ifRevision: undefined } };
    const free: Step = { check: 'groups', key: { groupId: 'none' }, guard: { ifAbsent: true } };
    assert.deepEqual(await tables.transact([put, free, other]), { done: false, lost: 2 });
    assert.deepEqual(await tables.transact([put, absent, other]), { done: false, lost: 1 });
    const taken: Step = { put: 'uniques', item: { uniqueKey: 'taken' }, guard: { ifAbsent: true } };
    assert.deepEqual(await tables.transact([taken, put]), { done: false, lost: 0 });
    assert.equal(await tables.get('users', { userId: 'u' }), undefined);
    assert.equal((await read(tables, 'uniques', { uniqueKey: 'taken' })).item['owner'], 'first');
  }),
  onTables('a check writes nothing', async ({ tables }) => {
    const revision = await tables.put('groups', { groupId: 'g' });
    const check: Step = { check: 'groups', key: { groupId: 'g' }, guard: { ifRevision: revision } };
    assert.deepEqual(await tables.transact([check]), { done: true });
    assert.deepEqual(await tables.transact([check]), { done: true });
    const absent: Step = { check: 'groups', key: { groupId: 'h' }, guard: { ifAbsent: true } };
    assert.deepEqual(await tables.transact([absent]), { done: true });
    assert.equal(await tables.get('groups', { groupId: 'h' }), undefined);
  }),
  onTables(
    'of 20 transactions on one item at once, one wins and the others leave nothing',
    async ({ tables }) => {
      const revision = await tables.put('groups', { groupId: 'g', n: -1 });
      const runs = Array.from({ length: 20 }, (_, n) =>
        tables.transact([
          { put: 'memberships', item: { groupId: 'g', userId: `u${n}` } },
          { put: 'groups', item: { groupId: 'g', n }, guard: { ifRevision: revision } },
        ]),
      );
      const won = (await Promise.all(runs)).flatMap(({ done }, n) => (done ? [n] : []));
      assert.equal(won.length, 1);
      const members = await tables.query('memberships', { partition: 'g', limit: 100 });
      assert.deepEqual(
        members.items.map(({ item }) => item.userId),
        [`u${won[0] ?? -1}`],
      );
    },
  ),
  onTables('100 steps go through; 101, none, and one key twice are refused', async ({ tables }) => {
    const steps = Array.from({ length: 101 }, (_, n): Step => ({ put: 'users', item: { userId: `u${n}` } }));
    assert.deepEqual(await tables.transact(steps.slice(1)), { done: true });
    await refused('item_invalid', () => tables.transact(steps));
    await refused('item_invalid', () => tables.transact([]));
    const twice: Step = { check: 'users', key: { userId: 'u1' }, guard: { ifAbsent: true } };
    await refused('item_invalid', () => tables.transact([...steps.slice(0, 2), twice]));
    assert.equal(await tables.get('users', { userId: 'u0' }), undefined);
  }),
  onTables('keys that only look alike when joined are not one key twice', async ({ tables }) => {
    const put = (groupId: string, userId: string): Step => ({
      put: 'memberships',
      item: { groupId, userId },
    });
    assert.deepEqual(
      await tables.transact([put('a', 'b#c'), put('a#b', 'c'), put('a\0b', 'c'), put('a', 'b\0c')]),
      { done: true },
    );
    assert.equal((await tables.scan('memberships', { limit: 10 })).items.length, 4);
  }),
  onTables('an item that breaks a rule refuses the whole transaction', async ({ tables }) => {
    const bad: Step = { put: 'users', item: { userId: 'v', n: NaN } };
    await refused('item_invalid', () => tables.transact([{ put: 'users', item: { userId: 'u' } }, bad]));
    assert.equal(await tables.get('users', { userId: 'u' }), undefined);
  }),
  onTables('4 MB in one transaction are refused', async ({ tables }) => {
    const text = 'x'.repeat(380_000);
    const steps = Array.from({ length: 11 }, (_, n): Step => ({
      put: 'users',
      item: { userId: `u${n}`, text },
    }));
    await refused('item_invalid', () => tables.transact(steps));
    assert.deepEqual(await tables.transact(steps.slice(1)), { done: true });
  }),
];
