import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyConsistency, verifyInclusion } from './check-proof.ts';
import { naivePath, naiveProof, naiveRoot } from './fixtures/naive-tree.ts';
import { someLeaves, writtenTree } from './fixtures/written-tree.ts';
import { openFrontier } from './frontier.ts';
import { emptyRoot, leafHash } from './hash.ts';
import { consistencyProof, inclusionProof } from './prove.ts';

const leaves = someLeaves(301);
const roots = leaves.map((_, size) => naiveRoot(leaves.slice(0, size)));

/** Sizes to 300: the small ones, and those around the edges of tiles and of powers of 2. */
const sizes = Array.from({ length: 301 }, (_, size) => size).filter(
  (size) => size <= 33 || (size >= 254 && size <= 258) || size % 64 <= 1 || size === 300,
);

function changes(proof: readonly Buffer[]): Buffer[][] {
  const flipped = proof.flatMap((hash, at) =>
    Array.from({ length: hash.length * 8 }, (_, bit) => {
      const changed = Buffer.from(hash);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      return proof.with(at, changed);
    }),
  );
  return [
    ...flipped,
    proof.slice(1),
    proof.slice(0, -1),
    [...proof, emptyHash],
    [emptyHash, ...proof],
  ].filter((changed) => changed.length !== proof.length || proof.length > 0);
}
const emptyHash = Buffer.from(emptyRoot);

test('every proof of inclusion is that of the definition, and holds', async () => {
  for (const size of sizes.filter((each) => each > 0)) {
    const { readTile, root } = writtenTree(leaves.slice(0, size));
    for (let index = 0; index < size; index += size > 40 ? 13 : 1) {
      const proof = await inclusionProof(index, size, readTile);
      assert.deepEqual(proof, naivePath(index, leaves.slice(0, size)), `${index} in ${size}`);
      assert.ok(verifyInclusion({ index, size, leafHash: leafHash(leaves[index]!), root, proof }));
    }
  }
});

test('every proof of consistency is that of the definition, and holds', async () => {
  for (const newSize of sizes) {
    const { readTile } = writtenTree(leaves.slice(0, newSize));
    for (const oldSize of sizes.filter((size) => size <= newSize)) {
      const proof = await consistencyProof(oldSize, newSize, readTile);
      assert.deepEqual(proof, naiveProof(oldSize, leaves.slice(0, newSize)), `${oldSize} to ${newSize}`);
      const [oldRoot, newRoot] = [roots[oldSize]!, roots[newSize]!];
      assert.ok(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof }), `${oldSize} to ${newSize}`);
    }
  }
});

test.each([1, 2, 3, 7, 8, 21, 257])(
  'a proof in a tree of %i with one bit changed, or a hash more or fewer, is refused',
  async (size) => {
    const { readTile, root } = writtenTree(leaves.slice(0, size));
    for (const index of [0, size >> 1, size - 1]) {
      const proof = await inclusionProof(index, size, readTile);
      const right = { index, size, leafHash: leafHash(leaves[index]!), root, proof };
      for (const changed of changes(proof)) assert.ok(!verifyInclusion({ ...right, proof: changed }));
      for (const changed of changes([right.leafHash]).slice(0, 256))
        assert.ok(!verifyInclusion({ ...right, leafHash: changed[0]! }));
      assert.ok(!verifyInclusion({ ...right, index: size }));
      assert.ok(!verifyInclusion({ ...right, size: 0 }));
      assert.ok(!verifyInclusion({ ...right, index: index + 0.5 }));
      assert.ok(!verifyInclusion({ ...right, index: -1 }));
    }
  },
);

test.each([
  [1, 2],
  [2, 3],
  [4, 7],
  [6, 8],
  [5, 21],
  [16, 21],
  [256, 257],
  [255, 300],
])(
  'a proof from %i to %i with one bit changed, or a hash more or fewer, is refused',
  async (oldSize, newSize) => {
    const { readTile } = writtenTree(leaves.slice(0, newSize));
    const proof = await consistencyProof(oldSize, newSize, readTile);
    const [oldRoot, newRoot] = [roots[oldSize]!, roots[newSize]!];
    const right = { oldSize, oldRoot, newSize, newRoot, proof };
    for (const changed of changes(proof)) assert.ok(!verifyConsistency({ ...right, proof: changed }));
    for (const changed of changes([oldRoot]).slice(0, 256))
      assert.ok(!verifyConsistency({ ...right, oldRoot: changed[0]! }));
    for (const changed of changes([newRoot]).slice(0, 256))
      assert.ok(!verifyConsistency({ ...right, newRoot: changed[0]! }));
    assert.ok(!verifyConsistency({ ...right, oldSize: newSize, newSize: oldSize }));
  },
);

test('a proof holds for its own place and its own sizes only', async () => {
  const { readTile, root } = writtenTree(leaves.slice(0, 21));
  const all = await Promise.all(leaves.slice(0, 21).map((_, index) => inclusionProof(index, 21, readTile)));
  for (const [index, proof] of all.entries())
    for (let other = 0; other < 21; other += 1) {
      const holds = verifyInclusion({
        index: other,
        size: 21,
        leafHash: leafHash(leaves[index]!),
        root,
        proof,
      });
      assert.equal(holds, other === index);
    }
  for (let oldSize = 1; oldSize < 21; oldSize += 1) {
    const proof = await consistencyProof(oldSize, 21, readTile);
    for (let other = 0; other <= 21; other += 1) {
      const claim = { oldSize: other, oldRoot: roots[oldSize]!, newSize: 21, newRoot: roots[21]!, proof };
      assert.equal(verifyConsistency(claim), other === oldSize, `${oldSize} as ${other}`);
    }
  }
});

test('a history that was rewritten cannot be proven, whatever hashes are given', () => {
  const hashes = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 8 });
  const size = fc.integer({ min: 1, max: 300 });
  fc.assert(
    fc.property(size, size, hashes, (one, other, proof) => {
      const [oldSize, newSize] = [Math.min(one, other), Math.max(one, other)];
      const forged = naiveRoot(leaves.slice(0, oldSize).with(0, Buffer.from('forged')));
      const claim = { oldSize, oldRoot: forged, newSize, newRoot: roots[newSize]!, proof };
      expect(verifyConsistency(claim)).toBe(false);
    }),
  );
});

test('from nothing to anything there is nothing to prove, but the roots must be roots', () => {
  const right = { oldSize: 0, oldRoot: emptyRoot, newSize: 5, newRoot: roots[5]!, proof: [] };
  assert.ok(verifyConsistency(right));
  assert.ok(!verifyConsistency({ ...right, oldRoot: roots[1]! }));
  assert.ok(!verifyConsistency({ ...right, proof: [roots[1]!] }));
  assert.ok(!verifyConsistency({ ...right, newSize: 0 }));
  assert.ok(!verifyConsistency({ ...right, newRoot: Buffer.alloc(31) }));
});

test('a tile that is missing or short is said, and an entry that is not there is a mistake', async () => {
  const { tiles, readTile } = writtenTree(leaves);
  await expect(inclusionProof(0, 301, () => undefined)).rejects.toMatchObject({ code: 'log_invalid' });
  const short = tiles.get('tile/0/000')!.subarray(32);
  await expect(inclusionProof(0, 301, () => short)).rejects.toMatchObject({ code: 'log_invalid' });
  await expect(inclusionProof(301, 301, readTile)).rejects.toThrow(RangeError);
  await expect(inclusionProof(-1, 301, readTile)).rejects.toThrow(RangeError);
  await expect(consistencyProof(5, 4, readTile)).rejects.toThrow(RangeError);
});

test('each tile is read once for a proof', async () => {
  const { readTile } = writtenTree(leaves);
  const read: string[] = [];
  await inclusionProof(300, 301, (tile) => {
    read.push(JSON.stringify(tile));
    return readTile(tile);
  });
  assert.equal(new Set(read).size, read.length);
});

test('a tree of three levels of tiles is proven from them', async () => {
  const many = Array.from({ length: 70_000 }, (_, i) => Buffer.from(`leaf ${i}`));
  const { tiles, readTile, root } = writtenTree(many, [65_536]);
  assert.ok(tiles.has('tile/2/000.p/1'));
  for (const index of [0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999]) {
    const proof = await inclusionProof(index, 70_000, readTile);
    assert.ok(verifyInclusion({ index, size: 70_000, leafHash: leafHash(many[index]!), root, proof }));
  }
  const edge = openFrontier();
  for (const [index, leaf] of many.entries()) {
    const oldSize = index + 1;
    edge.append(leafHash(leaf));
    if (![1, 256, 65_535, 65_536, 65_537, 69_632, 69_999].includes(oldSize)) continue;
    const proof = await consistencyProof(oldSize, 70_000, readTile);
    const claim = { oldSize, oldRoot: edge.root(), newSize: 70_000, newRoot: root, proof };
    assert.ok(verifyConsistency(claim), String(oldSize));
  }
  assert.deepEqual(edge.root(), root);
});
