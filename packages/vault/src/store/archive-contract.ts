import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { allBlobs, inParts, onArchive, readBlob, type ArchiveCase } from './contract/archive-case.ts';
import { refused } from './contract/tables-case.ts';

const digest = (bytes: Uint8Array | undefined) => bytes && createHash('sha256').update(bytes).digest('hex');

const bodies: readonly ArchiveCase[] = [
  onArchive('what is put is read back, byte for byte', async (archive) => {
    const bytes = Uint8Array.from({ length: 700 }, (_, n) => n % 256);
    assert.equal(await archive.put('a/b.bin', bytes), true);
    assert.deepEqual([...((await readBlob(archive, 'a/b.bin')) ?? [])], [...bytes]);
    await archive.put('empty', new Uint8Array());
    assert.equal((await readBlob(archive, 'empty'))?.length, 0);
    assert.equal(await archive.get('none'), undefined);
    assert.equal(await archive.get('a'), undefined);
    assert.equal(await archive.get('a/b.bin/c'), undefined);
  }),
  onArchive('streams of any size and in any parts arrive whole', async (archive) => {
    for (const [size, partBytes] of [
      [0, 1],
      [1, 1],
      [100_000, 999],
      [8 * 1024 * 1024, 1024 * 1024],
      [20 * 1024 * 1024 + 1, 300_001],
    ] as const) {
      const bytes = randomBytes(size);
      assert.equal(await archive.put('stream', inParts(bytes, partBytes)), true);
      assert.equal(digest(await readBlob(archive, 'stream')), digest(bytes), `${size} bytes`);
    }
  }),
  onArchive('a body that fails leaves what was there, and its error is thrown on', async (archive) => {
    const failing = async function* (bytes: number): AsyncGenerator<Uint8Array> {
      yield* inParts(new Uint8Array(bytes), 100_000);
      throw new Error('the body failed');
    };
    await archive.put('n', Buffer.from('before'));
    for (const bytes of [0, 100_000, 20 * 1024 * 1024])
      await assert.rejects(archive.put('n', failing(bytes)), /the body failed/);
    assert.equal((await readBlob(archive, 'n'))?.toString(), 'before');
    await assert.rejects(archive.put('new', failing(100_000)), /the body failed/);
    assert.equal(await archive.get('new'), undefined);
    assert.deepEqual((await allBlobs(archive, '', 10)).length, 1);
  }),
  onArchive('what a caller changes after writing is not stored', async (archive) => {
    const bytes = Buffer.from('secret');
    await archive.put('n', bytes);
    bytes.fill(0);
    assert.equal((await readBlob(archive, 'n'))?.toString(), 'secret');
  }),
  onArchive(
    'who reads while a blob is replaced or removed reads it whole as it was, or an error',
    async (archive) => {
      const old = Buffer.alloc(3_000_000, 'a');
      await archive.put('n', old);
      const blob = await archive.get('n');
      assert.ok(blob);
      await archive.put('n', Buffer.alloc(3_000_000, 'b'));
      await archive.remove('n');
      const parts: Buffer[] = [];
      try {
        for await (const part of blob.body) parts.push(part as Buffer);
        assert.equal(digest(Buffer.concat(parts)), digest(old));
      } catch (error) {
        assert.ok(!(error instanceof assert.AssertionError), 'the blob was mixed');
      }
    },
  ),
];

const outsideRules: readonly string[] = [
  '',
  '.',
  '..',
  '../x',
  'a/../b',
  'a/..',
  '/a',
  'a/',
  'a//b',
  './a',
  'a/.hidden',
  '.hidden',
  '~drafts/x',
  'a\\b',
  'a\0b',
  'A',
  'é',
  'a b',
  'a~',
  'a\n',
  'a%2f..',
  'c:x',
  '\ud800',
  'x'.repeat(201),
  'a/'.repeat(260) + 'a',
];

const names: readonly ArchiveCase[] = [
  onArchive('ifAbsent has one winner and leaves the blob alone', async (archive) => {
    const claims = Array.from({ length: 10 }, (_, n) =>
      archive.put('claim', Buffer.from(`${n}`), { ifAbsent: true }),
    );
    const won = await Promise.all(claims);
    assert.equal(won.filter((one) => one).length, 1);
    assert.equal((await readBlob(archive, 'claim'))?.toString(), `${won.indexOf(true)}`);
    assert.equal(
      await archive.put('claim', inParts(Buffer.alloc(9_000_000), 1_000_000), { ifAbsent: true }),
      false,
    );
    assert.equal(await archive.put('claim', Buffer.from('over')), true);
    assert.equal((await readBlob(archive, 'claim'))?.toString(), 'over');
    await archive.remove('claim');
    assert.equal(await archive.put('claim', Buffer.from('new'), { ifAbsent: true }), true);
  }),
  onArchive('of racing writers one whole blob is left', async (archive) => {
    const each = Array.from({ length: 8 }, (_, n) => Buffer.alloc(200_000, n));
    await Promise.all(each.map((bytes) => archive.put('n', inParts(bytes, 50_000))));
    assert.ok(each.map(digest).includes(digest(await readBlob(archive, 'n'))));
  }),
  onArchive('removed is gone, removing again is no error, and neighbours stay', async (archive) => {
    for (const name of ['a', 'a/b', 'a/b/c', 'ab']) await archive.put(name, Buffer.from(name));
    await archive.remove('a/b');
    await archive.remove('a/b');
    await archive.remove('none/at/all');
    assert.equal(await archive.get('a/b'), undefined);
    for (const name of ['a', 'a/b/c', 'ab']) assert.equal((await readBlob(archive, name))?.toString(), name);
  }),
  onArchive('listings come in the order of bytes, by prefix, page by page', async (archive) => {
    const all = ['a', 'a-b', 'a.b', 'a/b', 'a/b/c', 'a/c', 'a0', 'a_', 'ab/c', 'b'];
    for (const name of [...all].reverse()) await archive.put(name, Buffer.alloc(name.length));
    for (const limit of [1, 3, 10, 1000]) {
      const found = await allBlobs(archive, '', limit);
      assert.deepEqual(
        found.map(({ name }) => name),
        all,
      );
      assert.deepEqual(
        found.map(({ bytes }) => bytes),
        all.map(({ length }) => length),
      );
      const named = async (prefix: string) =>
        (await allBlobs(archive, prefix, limit)).map(({ name }) => name);
      assert.deepEqual(await named('a/'), ['a/b', 'a/b/c', 'a/c']);
      assert.deepEqual(
        await named('a'),
        all.filter((name) => name.startsWith('a')),
      );
      assert.deepEqual(await named('a/b'), ['a/b', 'a/b/c']);
      assert.deepEqual(await named('ab/'), ['ab/c']);
      assert.deepEqual(await named('c'), []);
    }
    const { cursor = '' } = await archive.list({ prefix: 'a', limit: 2 });
    await refused('cursor_invalid', () => archive.list({ prefix: 'b', limit: 2, cursor }));
    await refused('cursor_invalid', () => archive.list({ prefix: 'a', limit: 2, cursor: 'garbage' }));
  }),
  onArchive('names that lead elsewhere, or not everywhere, are refused', async (archive) => {
    for (const name of [...outsideRules, undefined as unknown as string, ['a'] as unknown as string]) {
      await refused('item_invalid', () => archive.put(name, Buffer.from('x')));
      await refused('item_invalid', () => archive.get(name));
      await refused('item_invalid', () => archive.remove(name));
    }
    for (const prefix of ['/', '..', '../', 'a//', 'A'])
      await refused('item_invalid', () => archive.list({ prefix, limit: 1 }));
    for (const limit of [0, 1001, 1.5])
      await refused('item_invalid', () => archive.list({ prefix: '', limit }));
    assert.deepEqual(await allBlobs(archive, '', 10), []);
    const longest = `${'x'.repeat(200)}/${'y'.repeat(200)}/${'z'.repeat(110)}`;
    assert.equal(await archive.put(longest, Buffer.from('x')), true);
    assert.deepEqual(
      (await allBlobs(archive, '', 10)).map(({ name }) => name),
      [longest],
    );
  }),
];

/** Every promise of `Archive`, for any test runner: run each case with a function that opens an empty adapter. */
export const archiveContract: readonly ArchiveCase[] = [...bodies, ...names];
