import assert from 'node:assert/strict';
import { expect, test } from 'vitest';
import { naiveRoot } from './fixtures/naive-tree.ts';
import { someLeaves } from './fixtures/written-tree.ts';
import { openFrontier } from './frontier.ts';
import { hashBytes, leafBytesMax, leafHash, rootOver } from './hash.ts';

const leaves = someLeaves(300);

test('the root at every size is that of the definition, and a frontier can be put down and taken up at any', () => {
  let frontier = openFrontier();
  for (const [index, leaf] of leaves.entries()) {
    assert.deepEqual(Buffer.from(frontier.root()), naiveRoot(leaves.slice(0, index)), `size ${index}`);
    frontier = openFrontier(frontier.state());
    frontier.append(leafHash(leaf));
    assert.equal(frontier.size(), index + 1);
  }
});

test('every subtree that a leaf completes is told, with its root', () => {
  const frontier = openFrontier();
  const told: [size: number, height: number, root: Buffer][] = [];
  for (const leaf of leaves.slice(0, 16))
    frontier.append(leafHash(leaf), (height, root) => told.push([frontier.size() + 1, height, root]));
  const expected = Array.from({ length: 16 }, (_, i) => i + 1).flatMap((size) =>
    [1, 2, 3, 4]
      .filter((height) => size % 2 ** height === 0)
      .map((height) => [size, height, naiveRoot(leaves.slice(size - 2 ** height, size))]),
  );
  assert.deepEqual(told, expected);
});

test('what it gave is a copy', () => {
  const frontier = openFrontier();
  const leaf = leafHash(leaves[0]!);
  frontier.append(leaf);
  leaf.fill(0);
  frontier.root().fill(0);
  for (const hash of frontier.state().hashes) hash.fill(0);
  assert.deepEqual(Buffer.from(frontier.root()), naiveRoot(leaves.slice(0, 1)));
});

test.each([
  { size: 1, hashes: [] },
  { size: 2, hashes: [Buffer.alloc(32), Buffer.alloc(32)] },
  { size: 1, hashes: [Buffer.alloc(31)] },
  { size: -1, hashes: [] },
  { size: 0.5, hashes: [] },
  { size: 2 ** 53, hashes: [Buffer.alloc(32)] },
])('subtrees that no tree of $size leaves has are not gone on from', (state) => {
  expect(() => openFrontier(state)).toThrow(RangeError);
});

test('sizes past 2^32 are counted whole', () => {
  const size = 2 ** 40 + 2 ** 33 + 1;
  const hashes = [1, 2, 3].map((byte) => Buffer.alloc(32, byte));
  const frontier = openFrontier({ size, hashes });
  frontier.append(Buffer.alloc(32, 4));
  assert.equal(frontier.size(), size + 1);
  assert.deepEqual(frontier.state().hashes.slice(0, 2), hashes.slice(0, 2));
});

test('a text is hashed as its bytes, and its length is theirs', () => {
  for (const text of ['', 'leaf', '{"a":"ä€😀"}', '\ud800'])
    assert.deepEqual(leafHash(text), leafHash(Buffer.from(text)));
  expect(() => leafHash('€'.repeat(leafBytesMax / 3 + 1))).toThrow(RangeError);
  assert.equal(leafHash('a'.repeat(leafBytesMax)).length, hashBytes);
});

test('the root over hashes side by side is that of the tree over them', () => {
  for (let count = 1; count <= 256; count += 1) {
    const some = leaves.slice(0, count);
    assert.deepEqual(rootOver(Buffer.concat(some.map(leafHash))), naiveRoot(some));
  }
});
