import assert from 'node:assert/strict';
import { test } from 'vitest';
import { verifyConsistency, verifyInclusion } from './check-proof.ts';
import { writtenTree } from './fixtures/written-tree.ts';
import { emptyRoot, leafHash } from './hash.ts';
import { openNote } from './note.ts';
import { consistencyProof, inclusionProof } from './prove.ts';

// The vectors of Certificate Transparency (RFC 6962) that its implementations hold in common, and the note that the Go
// module golang.org/x/mod/sumdb/note shows.

const hex = (text: string) => Buffer.from(text, 'hex');
const leaves = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map(hex);
const roots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
].map(hex);
const n96a2 = '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7';
const n5f08 = '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e';
const n6b47 = '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4';
const nbc1a = 'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b';
const nca85 = 'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0';
const n0ebc = '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a';
const [root1, root2, , root4] = roots.map((root) => root.toString('hex')) as [string, string, string, string];

test('hashes of no leaf and of one are those of RFC 6962', () => {
  const of = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  assert.equal(of(emptyRoot), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  assert.equal(
    of(leafHash(Buffer.from('L123456'))),
    '395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56',
  );
});

test.each(roots.map((root, index) => ({ size: index + 1, root })))(
  'the root over $size leaves is that of Certificate Transparency',
  ({ size, root }) => {
    assert.deepEqual(Buffer.from(writtenTree(leaves.slice(0, size)).root), root);
  },
);

const paths: readonly (readonly [index: number, size: number, path: readonly string[]])[] = [
  [0, 1, []],
  [0, 8, [n96a2, n5f08, n6b47]],
  [5, 8, [nbc1a, nca85, root4]],
  [2, 3, [root2]],
  [1, 5, [root1, n5f08, nbc1a]],
];
test.each(paths)(
  'the inclusion proof of %i in %i is that of Certificate Transparency',
  async (index, size, path) => {
    const { readTile } = writtenTree(leaves.slice(0, size));
    const proof = await inclusionProof(index, size, readTile);
    assert.deepEqual(proof, path.map(hex));
    const root = roots[size - 1]!;
    assert.ok(verifyInclusion({ index, size, leafHash: leafHash(leaves[index]!), root, proof }));
  },
);

const proofs: readonly (readonly [oldSize: number, newSize: number, proof: readonly string[]])[] = [
  [1, 1, []],
  [1, 8, [n96a2, n5f08, n6b47]],
  [6, 8, [n0ebc, nca85, root4]],
  [2, 5, [n5f08, nbc1a]],
];
test.each(proofs)(
  'the proof from %i to %i is that of Certificate Transparency',
  async (oldSize, newSize, hashes) => {
    const { readTile } = writtenTree(leaves.slice(0, newSize));
    const proof = await consistencyProof(oldSize, newSize, readTile);
    assert.deepEqual(proof, hashes.map(hex));
    const [oldRoot, newRoot] = [roots[oldSize - 1]!, roots[newSize - 1]!];
    assert.ok(verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof }));
  },
);

test('the note of the Go module opens', () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW';
  const text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const note = `${text}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;
  assert.deepEqual(openNote(note, [vkey]), { text, by: [vkey] });
  assert.throws(() => openNote(note.replace('answer', 'Answer'), [vkey]), { code: 'log_invalid' });
});
