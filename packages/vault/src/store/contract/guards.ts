import assert from 'node:assert/strict';
import { onTables, read, type TablesCase } from './tables-case.ts';

/** Guards hold whatever races: one winner, no lost update, no revision twice. */
export const guardCases: readonly TablesCase[] = [
  onTables('what is put is read back as it was, with its revision', async ({ tables }) => {
    const item = {
      roleId: 'r1',
      userId: 'u1',
      text: 'grüße 😀 \0 "\\',
      n: -1.5,
      big: Number.MAX_SAFE_INTEGER,
      yes: true,
      nothing: null,
      list: [1, ['a', null], {}],
      map: { deep: { empty: '', list: [] } },
    };
    const revision = await tables.put('roles', item);
    assert.ok(revision);
    assert.deepEqual(await tables.get('roles', { roleId: 'r1' }), { item, revision });
    assert.equal(await tables.get('roles', { roleId: 'r2' }), undefined);
  }),
  onTables('a write replaces the whole item', async ({ tables }) => {
    await tables.put('roles', { roleId: 'r1', userId: 'u1', old: 'x' });
    await tables.put('roles', { roleId: 'r1', name: 'y' });
    assert.deepEqual((await read(tables, 'roles', { roleId: 'r1' })).item, { roleId: 'r1', name: 'y' });
  }),
  onTables('what a caller changes after writing or reading is not stored', async ({ tables }) => {
    const list = ['a'];
    await tables.put('roles', { roleId: 'r1', list });
    list.push('b');
    const first = await read(tables, 'roles', { roleId: 'r1' });
    (first.item as { list?: string[] }).list?.push('c');
    assert.deepEqual((await read(tables, 'roles', { roleId: 'r1' })).item['list'], ['a']);
  }),
  onTables('ifAbsent writes once', async ({ tables }) => {
    assert.ok(await tables.put('groups', { groupId: 'g', n: 1 }, { ifAbsent: true }));
    assert.equal(await tables.put('groups', { groupId: 'g', n: 2 }, { ifAbsent: true }), undefined);
    assert.equal((await read(tables, 'groups', { groupId: 'g' })).item['n'], 1);
  }),
  onTables('of 20 that claim the same key at once, one wins', async ({ tables }) => {
    const claims = Array.from({ length: 20 }, (_, n) =>
      tables.put('uniques', { uniqueKey: 'email#a@b', n }, { ifAbsent: true }),
    );
    const won = (await Promise.all(claims)).flatMap((revision, n) => (revision === undefined ? [] : [n]));
    assert.equal(won.length, 1);
    assert.equal((await read(tables, 'uniques', { uniqueKey: 'email#a@b' })).item['n'], won[0]);
  }),
  onTables('ten concurrent increments that retry all count', async ({ tables }) => {
    await tables.put('settings', { settingKey: 'n', n: 0 });
    const increment = async (): Promise<void> => {
      const { item, revision } = await read(tables, 'settings', { settingKey: 'n' });
      const done = await tables.put(
        'settings',
        { settingKey: 'n', n: Number(item['n']) + 1 },
        { ifRevision: revision },
      );
      if (done === undefined) await increment();
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    assert.equal((await read(tables, 'settings', { settingKey: 'n' })).item['n'], 10);
  }),
  onTables('an older revision, a foreign one and an absent item lose ifRevision', async ({ tables }) => {
    const first = await tables.put('groups', { groupId: 'g', n: 1 });
    const second = await tables.put('groups', { groupId: 'g', n: 2 }, { ifRevision: first });
    assert.ok(second);
    assert.equal(await tables.put('groups', { groupId: 'g', n: 3 }, { ifRevision: first }), undefined);
    assert.equal(await tables.put('groups', { groupId: 'g', n: 3 }, { ifRevision: 'made up' }), undefined);
    assert.equal(await tables.put('groups', { groupId: 'g', n: 3 }, { ifRevision: undefined }), undefined);
    assert.equal(await tables.put('groups', { groupId: 'h', n: 3 }, { ifRevision: first }), undefined);
    assert.equal(await tables.put('groups', { groupId: 'h', n: 3 }, { ifRevision: undefined }), undefined);
    assert.equal(await tables.get('groups', { groupId: 'h' }), undefined);
    assert.deepEqual(await read(tables, 'groups', { groupId: 'g' }), {
      item: { groupId: 'g', n: 2 },
      revision: second,
    });
  }),
  onTables('a revision never returns after remove and put', async ({ tables }) => {
    const item = { groupId: 'g', n: 1 };
    const seen = new Set<string | undefined>();
    for (let round = 0; round < 5; round += 1) {
      seen.add(await tables.put('groups', item));
      assert.equal(await tables.remove('groups', { groupId: 'g' }), true);
    }
    seen.delete(undefined);
    assert.equal(seen.size, 5);
    await tables.put('groups', item);
    for (const revision of seen)
      assert.equal(await tables.put('groups', item, { ifRevision: revision }), undefined);
  }),
  onTables(
    'an imported item is guarded by "no revision" until somebody writes it',
    async ({ tables, bringIn }) => {
      await bringIn('groups', { groupId: 'g', n: 1 });
      assert.deepEqual(await read(tables, 'groups', { groupId: 'g' }), {
        item: { groupId: 'g', n: 1 },
        revision: undefined,
      });
      assert.equal(await tables.put('groups', { groupId: 'g', n: 2 }, { ifAbsent: true }), undefined);
      assert.equal(await tables.put('groups', { groupId: 'g', n: 2 }, { ifRevision: '' }), undefined);
      assert.ok(await tables.put('groups', { groupId: 'g', n: 2 }, { ifRevision: undefined }));
      assert.equal(await tables.put('groups', { groupId: 'g', n: 3 }, { ifRevision: undefined }), undefined);
      await bringIn('groups', { groupId: 'h' });
      assert.equal(await tables.remove('groups', { groupId: 'h' }, { ifRevision: undefined }), true);
    },
  ),
  onTables('remove says whether this call removed it, and keeps to its guard', async ({ tables }) => {
    assert.equal(await tables.remove('groups', { groupId: 'g' }), false);
    const revision = await tables.put('groups', { groupId: 'g' });
    assert.equal(await tables.remove('groups', { groupId: 'g' }, { ifRevision: 'made up' }), false);
    assert.equal(await tables.remove('groups', { groupId: 'g' }, { ifAbsent: true }), false);
    assert.ok(await tables.get('groups', { groupId: 'g' }));
    const calls = Array.from({ length: 10 }, () =>
      tables.remove('groups', { groupId: 'g' }, { ifRevision: revision }),
    );
    assert.equal((await Promise.all(calls)).filter(Boolean).length, 1);
    assert.equal(await tables.remove('groups', { groupId: 'g' }, { ifAbsent: true }), false);
  }),
];
