import assert from 'node:assert/strict';
import { createHash, createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { openGcmRow } from './gcm-row.ts';
import { hkdfSha256, hmacSha256, pbkdf2Sha256 } from './keyed-sha256.ts';
import { suiteCipher, type SuiteCipher } from './suites.ts';

// The vectors run through the very functions that seal records, derive keys and blind names. vectors/README.md says where
// they come from.
const read = (name: string) => readFileSync(new URL(`vectors/${name}`, import.meta.url));
const unpack = (name: string) => JSON.parse(gunzipSync(read(name)).toString('utf8')) as unknown;
const hex = (text: string) => Buffer.from(text, 'hex');

let passed = 0;
afterAll(() => console.log(`vectors: ${passed} passed, none failed`));

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

test('imported rows with any other nonce of the 20 Wycheproof vectors are refused', () => {
  const all = unpack('wycheproof-aes-gcm-256.json.gz') as Numbered[];
  const others = all.filter(([, , nonce]) => nonce.length !== 24 && nonce.length !== 32);
  for (const [, key, nonce, aad, , ciphertext, tag] of others) {
    const row = { nonce: hex(nonce), ciphertext: hex(ciphertext), tag: hex(tag) };
    assert.throws(() => openGcmRow(row, hex(key), hex(aad)), { code: 'open_failed' });
    passed += 1;
  }
  expect(others).toHaveLength(20);
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

const rounds = [
  ['10,000', 10_000],
  ['1,000,000', 1_000_000],
] as const;

test.each(rounds)(
  'suite 1 agrees with the hash of the XAES-256-GCM specification over %s random messages',
  { timeout: 600_000 },
  (_text, count) => {
    // A message takes 58 bytes and two of up to 255 each; over so many the average is all that is used.
    const stream = createHash('shake128', { outputLength: count * 320 + 32_000 }).digest();
    let at = 0;
    const take = (bytes: number) => stream.subarray(at, (at += bytes));
    const hash = createHash('shake128', { outputLength: 32 });
    for (let round = 0; round < count; round += 1) {
      const [key, nonce] = [take(32), take(24)];
      const plaintext = take(take(1)[0]!);
      const aad = take(take(1)[0]!);
      const cipher = suiteCipher(1, key);
      const sealed = cipher.encrypt(nonce, aad, plaintext);
      hash.update(sealed.ciphertext).update(sealed.tag);
      // The first ten thousand of both streams are the same messages; opening them once is enough.
      if (count <= 10_000) assert.ok(cipher.decrypt(nonce, aad, sealed).equals(plaintext));
      cipher.destroy();
    }
    expect(at).toBeLessThanOrEqual(stream.length);
    expect(hash.digest('hex')).toBe(xaes.accumulated[String(count)]);
    passed += 1;
  },
);

interface Rfc5869 extends Readonly<Record<'ikm' | 'salt' | 'info' | 'prk' | 'okm', string>> {}

test('derived keys agree with the 3 vectors of RFC 5869 for SHA-256, and with its extracted keys', () => {
  const cases = JSON.parse(read('rfc5869-sha256.json').toString('utf8')) as Rfc5869[];
  for (const { ikm, salt, info, prk, okm } of cases) {
    expect(hkdfSha256(hex(ikm), hex(salt), hex(info), okm.length / 2).toString('hex')).toBe(okm);
    // HKDF-Extract is HMAC; without a salt its key is a hash of zeros.
    const extracting = createSecretKey(salt === '' ? Buffer.alloc(32) : hex(salt));
    expect(Buffer.from(hmacSha256(extracting, hex(ikm)), 'base64url').toString('hex')).toBe(prk);
    passed += 1;
  }
  expect(cases).toHaveLength(3);
});

test('derived keys agree with the 86 Wycheproof vectors of HKDF', () => {
  type Vector = readonly [number, string, string, string, number, string | null];
  const all = unpack('wycheproof-hkdf-sha256.json.gz') as Vector[];
  for (const [, ikm, salt, info, size, okm] of all) {
    const derive = () => hkdfSha256(hex(ikm), hex(salt), hex(info), size).toString('hex');
    if (okm === null) assert.throws(derive, { code: 'ERR_CRYPTO_INVALID_KEYLEN' });
    else assert.equal(derive(), okm);
    passed += 1;
  }
  expect(all).toHaveLength(86);
  expect(all.filter((vector) => vector[5] === null)).toHaveLength(3);
});

test('blinded names agree with the 174 Wycheproof vectors of HMAC', () => {
  const all = unpack('wycheproof-hmac-sha256.json.gz') as [number, string, string, string, boolean][];
  for (const [, key, message, tag, valid] of all) {
    const made = Buffer.from(hmacSha256(createSecretKey(hex(key)), hex(message)), 'base64url');
    expect(made.subarray(0, tag.length / 2).equals(hex(tag))).toBe(valid);
    passed += 1;
  }
  expect(all).toHaveLength(174);
  expect(all.filter((vector) => !vector[4])).toHaveLength(108);
});

test('keys of passphrases agree with the 60 Wycheproof vectors of PBKDF2', async () => {
  const all = unpack('wycheproof-pbkdf2-sha256.json.gz') as [
    number,
    string,
    string,
    number,
    number,
    string,
  ][];
  for (const [, passphrase, salt, times, size, derived] of all) {
    const made = await pbkdf2Sha256(hex(passphrase), hex(salt), times, size);
    expect(made.toString('hex')).toBe(derived);
    passed += 1;
  }
  expect(all).toHaveLength(60);
});
