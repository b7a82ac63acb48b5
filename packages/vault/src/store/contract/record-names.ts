import assert from 'node:assert/strict';
import type { RecordWrite } from '../records.ts';
import { allNames, bytesOf, onRecords, type RecordsBench, type RecordsCase } from './records-case.ts';
import { refused } from './tables-case.ts';

const hourMs = 3_600_000;

function lister({ records }: RecordsBench, limit = 4): (owner: string) => Promise<readonly string[]> {
  return async (owner) => {
    const names = await allNames((cursor) =>
      records.list(owner, cursor === undefined ? { limit } : { limit, cursor }),
    );
    return [...names].sort();
  };
}

/** Names, owners and sizes. */
export const recordNameCases: readonly RecordsCase[] = [
  onRecords('each of several owners finds the record until it goes', async (bench) => {
    const { records, clock, settle } = bench;
    const list = lister(bench);
    const endsAtMs = clock.nowMs + hourMs;
    await records.put('s1', bytesOf('x'), { endsAtMs, owners: ['user', 'grant', 'user'] });
    await records.put('s2', bytesOf('x'), { endsAtMs, owners: ['user', 'user2'] });
    await settle();
    assert.deepEqual(await list('user'), ['s1', 's2']);
    assert.deepEqual(await list('grant'), ['s1']);
    assert.deepEqual(await list('user2'), ['s2']);
    assert.deepEqual(await list('use'), []);
    await records.put('s1', bytesOf('y'), { endsAtMs, owners: ['other'] });
    await records.take('s2');
    await settle();
    assert.deepEqual(await list('user'), []);
    assert.deepEqual(await list('other'), ['s1']);
    await records.put('s1', bytesOf('y'), { endsAtMs });
    await settle();
    assert.deepEqual(await list('other'), []);
  }),
  onRecords('names of any alphabet stay apart', async ({ records, clock, settle }) => {
    const names = [
      'a',
      'a\0',
      'a\0b',
      'A',
      'é',
      'e\u0301',
      '😀',
      '\uffee',
      '__proto__',
      'constructor',
      'x'.repeat(512),
      '😀'.repeat(128),
    ];
    for (const name of names)
      await records.put(name, bytesOf(`<${name}>`), { endsAtMs: clock.nowMs + hourMs, owners: [name] });
    await settle();
    for (const name of names) {
      assert.deepEqual((await records.get(name))?.bytes, bytesOf(`<${name}>`));
      assert.deepEqual((await records.list(name, { limit: 10 })).names, [name]);
    }
    assert.equal(await records.get('toString'), undefined);
  }),
  onRecords('lists and scans page through everything once', async (bench) => {
    const { records, clock, settle } = bench;
    const names = Array.from({ length: 23 }, (_, n) => `n${n}`);
    for (const name of names)
      await records.put(name, bytesOf('x'), { endsAtMs: clock.nowMs + hourMs, owners: ['u'] });
    await records.put('foreign', bytesOf('x'), { endsAtMs: clock.nowMs + hourMs, owners: ['v'] });
    await settle();
    assert.deepEqual(await lister(bench)('u'), [...names].sort());
    const scanned = await allNames((cursor) =>
      records.scan(cursor === undefined ? { limit: 5 } : { limit: 5, cursor }),
    );
    assert.deepEqual([...scanned].sort(), [...names, 'foreign'].sort());
    const { cursor = '' } = await records.list('u', { limit: 5 });
    await refused('cursor_invalid', () => records.list('v', { limit: 5, cursor }));
    await refused('cursor_invalid', () => records.scan({ limit: 5, cursor }));
    await refused('cursor_invalid', () => records.list('u', { limit: 5, cursor: 'garbage' }));
  }),
  onRecords('values of 256 KiB with ten owners are kept, more is refused', async ({ records, clock }) => {
    const endsAtMs = clock.nowMs + hourMs;
    const owners = Array.from({ length: 11 }, (_, n) => `${n}${'o'.repeat(510)}`);
    const bytes = new Uint8Array(256 * 1024).fill(255);
    assert.ok(await records.put('n'.repeat(512), bytes, { endsAtMs, owners: owners.slice(1) }));
    assert.deepEqual((await records.get('n'.repeat(512)))?.bytes, bytes);
    await refused('item_invalid', () => records.put('n', new Uint8Array(256 * 1024 + 1), { endsAtMs }));
    await refused('item_invalid', () => records.put('n', bytes, { endsAtMs, owners }));
  }),
  onRecords('names, owners, ends and guards outside the rules are refused', async ({ records, clock }) => {
    const endsAtMs = clock.nowMs + hourMs;
    const put = (write: unknown, bytes: unknown = bytesOf('x')) =>
      records.put('n', bytes as Uint8Array, write as RecordWrite);
    for (const name of ['', 'x'.repeat(513), 'é'.repeat(257), '\ud800']) {
      await refused('item_invalid', () => records.get(name));
      await refused('item_invalid', () => records.put(name, bytesOf('x'), { endsAtMs }));
      await refused('item_invalid', () => records.take(name));
      await refused('item_invalid', () => records.extend(name, endsAtMs));
      await refused('item_invalid', () => records.bar(name, endsAtMs));
      await refused('item_invalid', () => records.list(name, { limit: 1 }));
      await refused('item_invalid', () => put({ endsAtMs, owners: [name] }));
    }
    for (const end of [NaN, Infinity, 1.5, -1, '5', undefined])
      await refused('item_invalid', () => put({ endsAtMs: end }));
    await refused('item_invalid', () => records.extend('n', NaN));
    await refused('item_invalid', () => records.bar('n', 0.5));
    await refused('item_invalid', () => put({ endsAtMs, guard: { ifRevision: undefined } }));
    await refused('item_invalid', () => put({ endsAtMs }, 'text'));
    await refused('item_invalid', () => records.scan({ limit: 0 }));
    assert.equal(await records.get('n'), undefined);
  }),
];
