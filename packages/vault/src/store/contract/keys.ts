import assert from 'node:assert/strict';
import type { SortRange } from '../tables.ts';
import { onTables, readAll, type TablesBench, type TablesCase } from './tables-case.ts';

// UTF-8 order. In UTF-16 units the emoji (U+1F600) would come before U+FFEE.
const ordered = [
  '\0',
  '\0a',
  'a',
  'a\0',
  'a\0b',
  'a b',
  'a#',
  'ab',
  'b',
  'é',
  '\ud7ff',
  '\ue000',
  '\uffee',
  '\uffff',
  '😀',
  '😀a',
  '\u{10ffff}',
];

async function members(
  { tables }: TablesBench,
  range?: SortRange,
  descending = false,
): Promise<readonly string[]> {
  const query = { partition: 'g', limit: 3, descending, ...(range === undefined ? {} : { range }) };
  return (await readAll(tables, 'memberships', query)).map(({ userId }) => userId);
}

async function fill(bench: TablesBench, names: readonly string[]): Promise<void> {
  for (const userId of [...names].reverse()) await bench.tables.put('memberships', { groupId: 'g', userId });
}

/** Keys of any alphabet stay apart and in UTF-8 order; ranges cut where they say. */
export const keyCases: readonly TablesCase[] = [
  onTables('sort keys come in UTF-8 byte order, both ways and page by page', async (bench) => {
    await fill(bench, ordered);
    assert.deepEqual(await members(bench), ordered);
    assert.deepEqual(await members(bench, undefined, true), [...ordered].reverse());
  }),
  onTables('keys that look alike are different items', async ({ tables }) => {
    const alike = [
      'user',
      'user2',
      'User',
      'user ',
      'user\0',
      'user\0x',
      'é',
      'e\u0301',
      'user%',
      'user_',
      "user'",
      'user"',
      '1',
      '01',
      '1.0',
    ];
    for (const userId of alike) await tables.put('users', { userId, me: `<${userId}>` });
    for (const userId of alike)
      assert.equal((await tables.get('users', { userId }))?.item['me'], `<${userId}>`);
    assert.equal(await tables.get('users', { userId: 'use' }), undefined);
    assert.equal(await tables.remove('users', { userId: 'user' }), true);
    assert.ok(await tables.get('users', { userId: 'user\0' }));
  }),
  onTables('a partition does not see another whose name it begins', async ({ tables }) => {
    for (const groupId of ['user', 'user2', 'user\0', 'user#a'])
      await tables.put('memberships', { groupId, userId: 'm' });
    assert.equal((await tables.query('memberships', { partition: 'user', limit: 10 })).items.length, 1);
    assert.equal((await tables.query('memberships', { partition: 'use', limit: 10 })).items.length, 0);
  }),
  onTables('keys go up to their size and no further', async ({ tables }) => {
    const key = { groupId: '😀'.repeat(512), userId: 'é'.repeat(512) };
    await tables.put('memberships', key);
    assert.ok(await tables.get('memberships', key));
    await assert.rejects(tables.put('memberships', { ...key, groupId: `${key.groupId}x` }), {
      code: 'item_invalid',
    });
    await assert.rejects(tables.get('memberships', { ...key, userId: `${key.userId}x` }), {
      code: 'item_invalid',
    });
  }),
  onTables('before and after leave their bound out, between keeps both', async (bench) => {
    await fill(bench, ordered);
    for (const descending of [false, true]) {
      const cut = (from: number, to: number): readonly string[] =>
        descending ? ordered.slice(from, to).reverse() : ordered.slice(from, to);
      assert.deepEqual(await members(bench, { before: 'ab' }, descending), cut(0, ordered.indexOf('ab')));
      assert.deepEqual(
        await members(bench, { after: 'ab' }, descending),
        cut(ordered.indexOf('ab') + 1, ordered.length),
      );
      assert.deepEqual(
        await members(bench, { between: ['a\0', '\uffee'] }, descending),
        cut(3, ordered.indexOf('\uffee') + 1),
      );
    }
  }),
  onTables('a prefix takes what begins with it, to the end of the alphabet', async (bench) => {
    const names = [...ordered, 'a\u{10ffff}', 'a\u{10ffff}x', 'a%', 'a_', 'A', '\ud7ffx', '\u{10ffff}z'];
    await fill(bench, names);
    for (const prefix of ['a', 'a\0', 'a%', '\ud7ff', '\u{10ffff}', 'a\u{10ffff}', '😀', 'none']) {
      const wanted = names.filter((name) => name.startsWith(prefix)).length;
      const found = await members(bench, { beginsWith: prefix });
      assert.ok(found.every((name) => name.startsWith(prefix)));
      assert.equal(found.length, wanted, JSON.stringify(prefix));
      assert.deepEqual(await members(bench, { beginsWith: prefix }, true), [...found].reverse());
    }
  }),
];
