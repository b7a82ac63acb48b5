import assert from 'node:assert/strict';
import { onTables, readAll, refused, scanAll, type TablesBench, type TablesCase } from './tables-case.ts';

async function fill({ tables }: TablesBench, count: number, roleKey = 'u#r'): Promise<readonly string[]> {
  const keys = Array.from({ length: count }, (_, n) => `2026-01-01T00:00:${String(n).padStart(4, '0')}`);
  for (const [n, sortKey] of keys.entries())
    await tables.put('messages', { roleKey, sortKey, text: n % 10 === 0 ? 'needle' : 'hay', n });
  return keys;
}

/** Pages, filters and cursors: complete, bounded, and bound to their question. */
export const pageCases: readonly TablesCase[] = [
  onTables('pages follow each other without a gap, newest first and below a bound', async (bench) => {
    const keys = await fill(bench, 25);
    const before = keys[20] ?? '';
    const query = { partition: 'u#r', range: { before }, descending: true, limit: 4 } as const;
    const found = await readAll(bench.tables, 'messages', query);
    assert.deepEqual(
      found.map(({ sortKey }) => sortKey),
      keys.slice(0, 20).reverse(),
    );
    const first = await bench.tables.query('messages', query);
    assert.equal(first.items.length, 4);
  }),
  onTables('a write between two pages moves no other item in or out', async (bench) => {
    const keys = await fill(bench, 10);
    const first = await bench.tables.query('messages', { partition: 'u#r', limit: 5 });
    await bench.tables.remove('messages', { roleKey: 'u#r', sortKey: keys[4] ?? '' });
    await bench.tables.put('messages', { roleKey: 'u#r', sortKey: '0 before all' });
    const second = await bench.tables.query('messages', {
      partition: 'u#r',
      limit: 100,
      cursor: first.cursor ?? '',
    });
    assert.deepEqual(
      second.items.map(({ item }) => item.sortKey),
      keys.slice(5),
    );
  }),
  onTables('the limit counts before contains filters', async (bench) => {
    await fill(bench, 40);
    const query = { partition: 'u#r', limit: 15, contains: { attribute: 'text', text: 'eedl' } } as const;
    const first = await bench.tables.query('messages', query);
    assert.deepEqual(
      first.items.map(({ item }) => item['n']),
      [0, 10],
    );
    assert.ok(first.cursor);
    const none = await bench.tables.query('messages', {
      ...query,
      contains: { attribute: 'text', text: 'absent' },
    });
    assert.equal(none.items.length, 0);
    assert.ok(none.cursor);
    assert.deepEqual(
      (await readAll(bench.tables, 'messages', query)).map((item) => item['n']),
      [0, 10, 20, 30],
    );
  }),
  onTables('contains compares text as stored, in text attributes only', async ({ tables }) => {
    const texts = ['Straße', 'STRASSE', '%', '_', 'a\0b', '😀'];
    for (const [n, text] of texts.entries())
      await tables.put('messages', { roleKey: 'k', sortKey: `${n}`, text });
    await tables.put('messages', { roleKey: 'k', sortKey: '7', text: 5 });
    await tables.put('messages', { roleKey: 'k', sortKey: '8' });
    const find = async (text: string, attribute = 'text'): Promise<readonly string[]> =>
      (await readAll(tables, 'messages', { partition: 'k', limit: 100, contains: { attribute, text } })).map(
        ({ sortKey }) => sortKey,
      );
    assert.deepEqual(await find('ß'), ['0']);
    assert.deepEqual(await find('%'), ['2']);
    assert.deepEqual(await find('_'), ['3']);
    assert.deepEqual(await find('\0b'), ['4']);
    assert.deepEqual(await find('😀'), ['5']);
    assert.deepEqual(await find('5'), []);
    assert.deepEqual(await find('native', 'toString'), []);
  }),
  onTables('large items make pages shorter than the limit, and complete all the same', async ({ tables }) => {
    const text = 'x'.repeat(300_000);
    for (let n = 0; n < 9; n += 1) await tables.put('messages', { roleKey: 'k', sortKey: `${n}`, text });
    const first = await tables.query('messages', { partition: 'k', limit: 1000 });
    assert.ok(first.items.length < 9 && first.cursor !== undefined, 'one page held 2.7 MB');
    const all = await readAll(tables, 'messages', { partition: 'k', limit: 1000 });
    assert.deepEqual(
      all.map(({ sortKey }) => sortKey),
      ['0', '1', '2', '3', '4', '5', '6', '7', '8'],
    );
    assert.equal((await scanAll(tables, 'messages', 1000)).length, 9);
  }),
  onTables('a scan meets every item once', async (bench) => {
    await fill(bench, 30, 'u#r');
    await fill(bench, 30, 'u#r\0');
    const found = await scanAll(bench.tables, 'messages', 7);
    assert.equal(found.length, 60);
    assert.equal(new Set(found.map(({ roleKey, sortKey }) => JSON.stringify([roleKey, sortKey]))).size, 60);
  }),
  onTables('a cursor serves the query it came from and no other', async (bench) => {
    const { tables, settle } = bench;
    await fill(bench, 10);
    for (const jobId of ['a', 'b', 'c'])
      await tables.put('scheduled_jobs', { jobId, userId: 'u#r', typeStatus: 'u#r', runAt: 1 });
    await settle();
    const query = { partition: 'u#r', limit: 2 } as const;
    const { cursor = '' } = await tables.query('messages', query);
    assert.equal((await tables.query('messages', { ...query, limit: 3, cursor })).items.length, 3);
    const foreign = [
      { ...query, partition: 'u#r2' },
      { ...query, descending: true },
      { ...query, range: { after: '0' } },
      { ...query, contains: { attribute: 'text', text: 'hay' } },
    ];
    for (const other of foreign)
      await refused('cursor_invalid', () => tables.query('messages', { ...other, cursor }));
    await refused('cursor_invalid', () => tables.query('memberships', { ...query, cursor }));
    await refused('cursor_invalid', () => tables.scan('messages', { limit: 2, cursor }));
    const byUser = { index: 'userId-index', partition: 'u#r', limit: 1 } as const;
    const { cursor: indexCursor = '' } = await tables.query('scheduled_jobs', byUser);
    const byStatus = { ...byUser, index: 'typeStatus-runAt-index' } as const;
    await refused('cursor_invalid', () =>
      tables.query('scheduled_jobs', { ...byStatus, cursor: indexCursor }),
    );
    const { cursor: scanCursor = '' } = await tables.scan('messages', { limit: 2 });
    await refused('cursor_invalid', () => tables.scan('memberships', { limit: 2, cursor: scanCursor }));
  }),
  onTables('a cursor that nobody made is refused', async (bench) => {
    await fill(bench, 5);
    const query = { partition: 'u#r', limit: 2 } as const;
    const { cursor = '' } = await bench.tables.query('messages', query);
    const middle = Math.floor(cursor.length / 2);
    const flipped = cursor.slice(0, middle) + (cursor[middle] === 'A' ? 'B' : 'A') + cursor.slice(middle + 1);
    const bad = [
      '',
      ' ',
      'AAAA',
      '%%%',
      `${cursor}A`,
      cursor.slice(0, -4),
      ` ${cursor}`,
      flipped,
      'x'.repeat(100_000),
      '{}',
    ];
    for (const made of bad)
      await refused('cursor_invalid', () => bench.tables.query('messages', { ...query, cursor: made }));
    for (const made of bad)
      await refused('cursor_invalid', () => bench.tables.scan('messages', { limit: 2, cursor: made }));
  }),
];
