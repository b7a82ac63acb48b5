import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { test } from 'vitest';
import { checkpointText, openCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import { someLeaves, writtenTree } from './fixtures/written-tree.ts';
import { openNote, signerOf, signNote } from './note.ts';
import { inclusionProof } from './prove.ts';
import { openTlogProof, parseTlogProof, tlogProof } from './tlog-proof.ts';
import { parseVkey } from './vkey.ts';

// Any UTF-16, halves of pairs included.
const anyText = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));

const newSigner = (name: string) => signerOf(name, generateKeyPairSync('ed25519').privateKey);
const ours = newSigner('example.com/audit');
const witness = newSigner('witness.example');
const invalid = { code: 'log_invalid' };
const text = 'a line\n\nanother\n';

test('a note opens with the key that signed it, and with none that did not', () => {
  const note = signNote(text, [ours]);
  assert.deepEqual(openNote(note, [ours.vkey]), { text, by: [ours.vkey] });
  assert.deepEqual(openNote(note, [witness.vkey, ours.vkey]), { text, by: [ours.vkey] });
  assert.throws(() => openNote(note, [witness.vkey]), invalid);
  assert.throws(() => openNote(note, []), invalid);
  assert.throws(() => openNote(note, [newSigner('example.com/audit').vkey]), invalid);
});

test('of several signatures, those of keys that are not known are ignored', () => {
  const note = signNote(text, [witness, ours]);
  assert.deepEqual(openNote(note, [ours.vkey]).by, [ours.vkey]);
  assert.deepEqual(openNote(note, [ours.vkey, witness.vkey]).by, [witness.vkey, ours.vkey]);
  const postQuantum = `— example.com/audit ${Buffer.alloc(2424, 7).toString('base64')}\n`;
  assert.deepEqual(openNote(note + postQuantum, [ours.vkey]).by, [ours.vkey]);
});

test('a signature in the name of a known key that does not hold spoils the note, others or not', () => {
  const forged = signNote('other\n', [ours]).split('\n').at(-2)!;
  const note = signNote(text, [witness]);
  assert.throws(() => openNote(`${note}${forged}\n`, [ours.vkey, witness.vkey]), invalid);
  assert.throws(() => openNote(`${signNote(text, [ours])}${forged}\n`, [ours.vkey]), invalid);
});

test('a note with one character changed does not open', () => {
  const note = signNote('example.com/audit/root\n12\nAAAA\n', [ours]);
  for (let at = 0; at < note.length; at += 1) {
    for (const other of ['x', '\n', ' ', '\u0000', '\ud800']) {
      if (note[at] === other) continue;
      const changed = note.slice(0, at) + other + note.slice(at + 1);
      assert.throws(() => openNote(changed, [ours.vkey]), invalid, JSON.stringify(changed));
    }
    assert.throws(() => openNote(note.slice(0, at) + note.slice(at + 1), [ours.vkey]), invalid);
  }
});

test('a signature is read in one writing only', () => {
  const note = signNote(text, [ours]);
  const bare = note.replace(/=*\n$/, '\n');
  assert.throws(() => openNote(bare === note ? `${note.trimEnd()}=\n` : bare, [ours.vkey]), invalid);
  assert.throws(() => openNote(note.replace('— ', '- '), [ours.vkey]), invalid);
  assert.throws(() => openNote(`${note}\n`, [ours.vkey]), invalid);
  assert.throws(() => openNote(note.trimEnd(), [ours.vkey]), invalid);
});

test('no text is a note by accident, and none brings the reader down', () => {
  fc.assert(
    fc.property(anyText, (garbage) => {
      assert.throws(() => openNote(garbage, [ours.vkey]), invalid);
      assert.throws(() => parseCheckpoint(garbage), invalid);
      assert.throws(() => parseTlogProof(garbage), invalid);
      assert.throws(() => parseVkey(garbage), invalid);
    }),
  );
});

test('what is no text of a note is not signed, and nothing is signed under what is no name', () => {
  for (const wrong of ['', 'no end', 'a\tb\n', 'a\rb\n', '\ud800\n', 'a\u007f\n'])
    assert.throws(() => signNote(wrong, [ours]), TypeError);
  assert.throws(() => signNote(text, []), TypeError);
  for (const wrong of ['', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\nb', '\ud800'])
    assert.throws(() => newSigner(wrong), TypeError);
});

test.each([
  ['its id is of another key', (vkey: string) => vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
  [
    'its id is in capitals',
    (vkey: string) => vkey.replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase().replace(/\+$/, 'X+')),
  ],
  ['its name is another', (vkey: string) => `x${vkey}`],
  ['its type is another', (vkey: string) => vkey.replace(/\+A/, '+B')],
  ['it is cut', (vkey: string) => vkey.slice(0, -4)],
  ['it goes on', (vkey: string) => `${vkey} `],
  ['it has no name', (vkey: string) => vkey.replace(/^[^+]+/, '')],
])('a verifier key is refused when %s', (_, change) => {
  assert.equal(parseVkey(ours.vkey).name, 'example.com/audit');
  assert.throws(() => parseVkey(change(ours.vkey)), invalid);
});

const root = Buffer.alloc(32, 9);
const origin = 'example.com/audit/root';

test('a checkpoint comes back as it was signed', () => {
  for (const size of [0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const note = signCheckpoint({ origin, size, root }, [ours]);
    assert.deepEqual(openCheckpoint(note, { origin, vkeys: [ours.vkey] }), {
      origin,
      size,
      root,
      by: [ours.vkey],
    });
  }
  const note = signCheckpoint({ origin, size: 1, root }, [ours]);
  assert.throws(() => openCheckpoint(note, { origin: 'example.com/audit', vkeys: [ours.vkey] }), invalid);
});

test.each([
  ['a zero before the size', (text: string) => text.replace('\n12\n', '\n012\n')],
  ['a sign before the size', (text: string) => text.replace('\n12\n', '\n+12\n')],
  ['a size past 2^53', (text: string) => text.replace('\n12\n', '\n9007199254740993\n')],
  ['no size', (text: string) => text.replace('\n12\n', '\n\n')],
  ['an extension line', (text: string) => `${text}more\n`],
  ['an empty line', (text: string) => `${text}\n`],
  ['no end', (text: string) => text.slice(0, -1)],
  ['no origin', (text: string) => text.slice(origin.length)],
  ['loose bits in the root', (text: string) => text.replace(/k=\n$/, 'l=\n')],
  ['a root without padding', (text: string) => text.replace(/=\n$/, '\n')],
  ['a root that is too short', (text: string) => text.replace(/[^\n]{4}\n$/, '\n')],
])('a checkpoint with %s is refused, though it is signed', (_, change) => {
  const right = checkpointText({ origin, size: 12, root });
  assert.equal(right, `${origin}\n12\n${root.toString('base64')}\n`);
  const changed = change(right);
  assert.notEqual(changed, right);
  assert.deepEqual(parseCheckpoint(right), { origin, size: 12, root });
  assert.throws(() => parseCheckpoint(changed), invalid);
});

test('what is no state of a log is not signed', () => {
  for (const wrong of [
    { origin: '' },
    { origin: 'a\n9' },
    { size: -1 },
    { size: 1.5 },
    { root: Buffer.alloc(31) },
  ])
    assert.throws(() => signCheckpoint({ origin, size: 1, root, ...wrong }, [ours]), TypeError);
});

const leaves = someLeaves(300);
const tree = writtenTree(leaves);
const checkpoint = signCheckpoint({ origin, size: 300, root: tree.root }, [witness, ours]);
const trusted = { origin, vkeys: [ours.vkey] };

test('a proof in one text holds for its entry and for no other', async () => {
  for (const index of [0, 255, 256, 299]) {
    const proof = tlogProof({ index, proof: await inclusionProof(index, 300, tree.readTile), checkpoint });
    assert.equal(openTlogProof(proof, leaves[index]!, trusted).index, index);
    assert.throws(() => openTlogProof(proof, leaves[index ^ 1]!, trusted), invalid);
    assert.throws(
      () => openTlogProof(proof.replace(`index ${index}`, `index ${index ^ 1}`), leaves[index]!, trusted),
      invalid,
    );
    assert.throws(
      () => openTlogProof(proof, leaves[index]!, { ...trusted, origin: 'example.com/audit' }),
      invalid,
    );
    const extra = proof.replace('\nindex', '\nextra AAAA\nindex');
    assert.equal(openTlogProof(extra, leaves[index]!, trusted).index, index);
  }
});

test('a proof with one character changed does not hold', async () => {
  const proof = tlogProof({
    index: 7,
    proof: await inclusionProof(7, 300, tree.readTile),
    checkpoint: signCheckpoint({ origin, size: 300, root: tree.root }, [ours]),
  });
  for (let at = 0; at < proof.length; at += 1)
    for (const other of ['A', '\n', '1']) {
      if (proof[at] === other) continue;
      const changed = proof.slice(0, at) + other + proof.slice(at + 1);
      assert.throws(() => openTlogProof(changed, leaves[7]!, trusted), invalid, JSON.stringify(changed));
    }
});

test('a tree of one entry is proven by its checkpoint alone', () => {
  const alone = writtenTree(leaves.slice(0, 1));
  const note = signCheckpoint({ origin, size: 1, root: alone.root }, [ours]);
  const proof = tlogProof({ index: 0, proof: [], checkpoint: note });
  assert.equal(proof, `c2sp.org/tlog-proof@v1\nindex 0\n\n${note}`);
  assert.equal(openTlogProof(proof, leaves[0]!, trusted).index, 0);
});
