import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bundleBytesMax, packEntries, readEntries } from './bundle.ts';
import { naiveRoot } from './fixtures/naive-tree.ts';
import { someLeaves, writtenTree } from './fixtures/written-tree.ts';
import { leafHash } from './hash.ts';
import { entriesPath, parseTilePath, tilePath, tilesAfter, tileWidth } from './tile-paths.ts';
import { openTileWriter } from './tile-writer.ts';

test.each([
  [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
  [{ level: 0, index: 999, width: 1 }, 'tile/0/999.p/1'],
  [{ level: 1, index: 1000, width: 256 }, 'tile/1/x001/000'],
  [{ level: 63, index: 1234067, width: 112 }, 'tile/63/x001/x234/067.p/112'],
])('a tile lies where C2SP tlog-tiles says: %o', (tile, path) => {
  assert.equal(tilePath(tile), path);
  assert.deepEqual(parseTilePath(path), { of: 'tile', ...tile });
});

test('a bundle lies beside the tiles', () => {
  assert.equal(entriesPath(1234, 7), 'tile/entries/x001/234.p/7');
  assert.deepEqual(parseTilePath('tile/entries/x001/234.p/7'), {
    of: 'entries',
    level: 0,
    index: 1234,
    width: 7,
  });
});

test.each([
  'tile/0/0',
  'tile/00/000',
  'tile/64/000',
  'tile/0/x000/001',
  'tile/0/x001/x002',
  'tile/0/001/002',
  'tile/0/000.p/0',
  'tile/0/000.p/256',
  'tile/0/000.p/01',
  'tile/0/000.p/1/',
  'tile/0/000\n',
  'tile/-1/000',
  'tile/entries/../000',
  '/tile/0/000',
  `tile/0/${'x001/'.repeat(7)}000`,
])('%j is no path of a tile', (path) => {
  assert.equal(parseTilePath(path), undefined);
});

test('each path is read as what it was written for', () => {
  const index = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(fc.nat(63), index, fc.integer({ min: 1, max: 256 }), (level, at, width) => {
      const tile = { level, index: at, width };
      expect(parseTilePath(tilePath(tile))).toEqual({ of: 'tile', ...tile });
      expect(parseTilePath(entriesPath(at, width))).toEqual({ of: 'entries', level: 0, index: at, width });
    }),
  );
});

test('a tree of 70,000 has the tiles that C2SP tlog-tiles counts', () => {
  const tiles = [...tilesAfter(0, 70_000)];
  const count = (level: number, full: boolean) =>
    tiles.filter((tile) => tile.level === level && (tile.width === tileWidth) === full).length;
  assert.deepEqual(
    [count(0, true), count(0, false), count(1, true), count(1, false), count(2, false)],
    [273, 1, 1, 1, 1],
  );
  assert.deepEqual(
    tiles.filter(({ width }) => width < tileWidth).map(({ width }) => width),
    [112, 17, 1],
  );
  assert.deepEqual([...tilesAfter(0, 256)].map(tilePath), ['tile/0/000', 'tile/1/000.p/1']);
});

test('what a tree has beyond a smaller one is what it has and the other had not', () => {
  fc.assert(
    fc.property(fc.nat(140_000), fc.nat(140_000), (one, other) => {
      const [oldSize, newSize] = [Math.min(one, other), Math.max(one, other)];
      const had = new Set([...tilesAfter(0, oldSize)].map(tilePath));
      const has = [...tilesAfter(0, newSize)].map(tilePath);
      expect([...tilesAfter(oldSize, newSize)].map(tilePath)).toEqual(has.filter((path) => !had.has(path)));
    }),
    { numRuns: 50 },
  );
});

test('the writer writes each tile of each published size, with the hashes of the definition', () => {
  const leaves = someLeaves(1300);
  const published = [1, 2, 255, 256, 257, 511, 512, 700, 1279, 1280, 1300];
  const { tiles } = writtenTree(leaves, published);
  const due = new Set(published.flatMap((size) => [...tilesAfter(0, size)].map(tilePath)));
  assert.deepEqual([...tiles.keys()].toSorted(), [...due].toSorted());
  for (const [path, bytes] of tiles) {
    const { level, index, width } = parseTilePath(path)!;
    const under = tileWidth ** level;
    const hashes = Array.from({ length: width }, (_, i) => {
      const from = (index * tileWidth + i) * under;
      return naiveRoot(leaves.slice(from, from + under));
    });
    assert.deepEqual(bytes, Buffer.concat(hashes), path);
  }
});

test('a writer goes on from the partial tiles of any size', () => {
  const leaves = someLeaves(600);
  const through = openTileWriter();
  let resumed = openTileWriter();
  for (const leaf of leaves) {
    through.append(leafHash(leaf));
    resumed = openTileWriter(resumed.state());
    resumed.append(leafHash(leaf));
    assert.deepEqual(resumed.takeFull(), through.takeFull());
    assert.deepEqual(resumed.partial(), through.partial());
    assert.deepEqual(resumed.root(), through.root());
  }
  assert.deepEqual(resumed.root(), naiveRoot(leaves));
});

test.each([
  { size: 1, rows: [] },
  { size: 0, rows: [Buffer.alloc(32)] },
  { size: 256, rows: [Buffer.alloc(32)] },
  { size: 2, rows: [Buffer.alloc(63)] },
])('rows that are no partial tiles of a log of $size are not gone on from', (state) => {
  expect(() => openTileWriter(state)).toThrow(RangeError);
});

test('a bundle gives the entries that were put in, and no other bytes are a bundle', () => {
  const entry = fc.uint8Array({ maxLength: 70 });
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const bundle = packEntries(entries);
      expect(readEntries(bundle).map((one) => Buffer.from(one))).toEqual(
        entries.map((one) => Buffer.from(one)),
      );
    }),
  );
  const largest = Buffer.alloc(65_535, 7);
  assert.deepEqual(readEntries(packEntries([largest])), [largest]);
  assert.equal(packEntries(Array.from({ length: 256 }, () => largest)).length, bundleBytesMax);
  assert.throws(() => packEntries([Buffer.alloc(65_536)]), RangeError);
  for (const cut of [Buffer.of(0), Buffer.of(0, 1), Buffer.of(0, 2, 7), Buffer.of(0, 0, 1)])
    assert.throws(() => readEntries(cut), { code: 'log_invalid' });
});
