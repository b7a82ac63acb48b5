import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { openGcmRow } from './gcm-row.ts';
import { suiteCipher, type SuiteCipher } from './suites.ts';

// The vectors run through the very ciphers that seal records. vectors/README.md says where they come from.
const read = (name: string) => readFileSync(new URL(`vectors/${name}`, import.meta.url));
const unpack = (name: string) => JSON.parse(gunzipSync(read(name)).toString('utf8')) as unknown;
const hex = (text: string) => Buffer.from(text, 'hex');

let passed = 0;
afterAll(() => console.log(`vectors: ${passed} passed`));

/** Key, nonce, additional data, plaintext (`null`: must fail), ciphertext, tag; all in hexadecimal. */
type Vector = readonly [string, string, string, string | null, string, string];

function check(cipher: SuiteCipher, [, nonce, aad, plaintext, ciphertext, tag]: Vector): void {
  const sealed = { ciphertext: hex(ciphertext), tag: hex(tag) };
  if (plaintext === null) {
    assert.throws(() => cipher.decrypt(hex(nonce), hex(aad), sealed), { code: 'open_failed' });
  } else {
    assert.deepEqual({ ...cipher.encrypt(hex(nonce), hex(aad), hex(plaintext)) }, sealed);
    assert.deepEqual(cipher.decrypt(hex(nonce), hex(aad), sealed), hex(plaintext));
  }
  passed += 1;
}

test('suite 2 agrees with the 750 NIST CAVP vectors of its profile', () => {
  const { encrypt, decrypt } = unpack('cavp-gcm-256.json.gz') as Record<'encrypt' | 'decrypt', Vector[]>;
  for (const vector of [...encrypt, ...decrypt]) check(suiteCipher(2, hex(vector[0])), vector);
  expect([encrypt.length, decrypt.length]).toEqual([375, 375]);
  expect(decrypt.filter((vector) => vector[3] === null)).toHaveLength(191);
});

type Numbered = readonly [number, ...Vector];

test('suite 2 agrees with the 66 Wycheproof vectors of its profile', () => {
  const all = unpack('wycheproof-aes-gcm-256.json.gz') as Numbered[];
  const ours = all.filter(([, , nonce]) => nonce.length === 24).map(([, ...vector]) => vector);
  for (const vector of ours) check(suiteCipher(2, hex(vector[0])), vector);
  expect(ours).toHaveLength(66);
  expect(ours.filter((vector) => vector[3] === null)).toHaveLength(27);
});

test('imported rows with a 16-byte nonce agree with the 19 Wycheproof vectors for them', () => {
  const all = unpack('wycheproof-aes-gcm-256.json.gz') as Numbered[];
  const rows = all.filter(([, , nonce]) => nonce.length === 32);
  for (const [, key, nonce, aad, plaintext, ciphertext, tag] of rows) {
    const row = { nonce: hex(nonce), ciphertext: hex(ciphertext), tag: hex(tag) };
    assert.deepEqual(openGcmRow(row, hex(key), hex(aad)), hex(plaintext!));
    passed += 1;
  }
  expect(rows).toHaveLength(19);
});

interface Xaes {
  readonly vectors: readonly Record<'key' | 'nonce' | 'additionalData' | 'plaintext' | 'sealed', string>[];
  readonly accumulated: Readonly<Record<string, string>>;
}
const xaes = JSON.parse(read('xaes-256-gcm.json').toString('utf8')) as Xaes;

test('suite 1 agrees with both vectors of the XAES-256-GCM specification', () => {
  for (const { key, nonce, additionalData, plaintext, sealed } of xaes.vectors)
    check(suiteCipher(1, hex(key)), [
      key,
      nonce,
      additionalData,
      plaintext,
      sealed.slice(0, -32),
      sealed.slice(-32),
    ]);
  expect(xaes.vectors).toHaveLength(2);
});

test('suite 1 agrees with the hash of the XAES-256-GCM specification over 10,000 random messages', () => {
  const stream = createHash('shake128', { outputLength: 10_000 * (32 + 24 + 256 + 256) }).digest();
  let at = 0;
  const take = (bytes: number) => stream.subarray(at, (at += bytes));
  const hash = createHash('shake128', { outputLength: 32 });
  for (let round = 0; round < 10_000; round += 1) {
    const [key, nonce] = [take(32), take(24)];
    const plaintext = take(take(1)[0]!);
    const aad = take(take(1)[0]!);
    const cipher = suiteCipher(1, key);
    const sealed = cipher.encrypt(nonce, aad, plaintext);
    hash.update(sealed.ciphertext).update(sealed.tag);
    assert.deepEqual(cipher.decrypt(nonce, aad, sealed), plaintext);
    cipher.destroy();
  }
  expect(hash.digest('hex')).toBe(xaes.accumulated['10000']);
  passed += 1;
});
