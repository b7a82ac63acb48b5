import { createCipheriv, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openGcmRow, sealGcmRow, type GcmRow } from './gcm-row.ts';

const key = randomBytes(32);
const secret = Buffer.from('sk_live_0123456789');
const bound = Buffer.from('store 7');
const openFailed = expect.objectContaining({
  code: 'open_failed',
  message: 'the sealed data cannot be opened',
});

/** A row as another program writes it. */
function foreignRow(nonceLength: number, tagLength = 16): GcmRow {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: tagLength });
  cipher.setAAD(bound);
  const ciphertext = Buffer.concat([cipher.update(secret), cipher.final()]);
  return { ciphertext, tag: cipher.getAuthTag(), nonce };
}

describe.each([12, 16])('a row of another program with a nonce of %i bytes', (nonceLength) => {
  const row = foreignRow(nonceLength);

  test('opens', () => {
    expect(openGcmRow(row, key, bound)).toEqual(secret);
  });

  test.each(['ciphertext', 'tag', 'nonce'] as const)(
    'does not open with any one bit of its %s changed',
    (part) => {
      for (let bit = 0; bit < row[part].length * 8; bit += 1) {
        const changed = Buffer.from(row[part]);
        changed[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => openGcmRow({ ...row, [part]: changed }, key, bound)).toThrow(openFailed);
      }
    },
  );

  test('does not open with a tag cut short, not even where GCM would allow it', () => {
    for (let length = 0; length < 16; length += 1)
      expect(() => openGcmRow({ ...row, tag: row.tag.subarray(0, length) }, key, bound)).toThrow(openFailed);
    expect(() => openGcmRow({ ...row, tag: Buffer.concat([row.tag, Buffer.alloc(1)]) }, key, bound)).toThrow(
      openFailed,
    );
  });

  test('does not open under another key or bound to something else', () => {
    expect(() => openGcmRow(row, randomBytes(32), bound)).toThrow(openFailed);
    expect(() => openGcmRow(row, key, Buffer.from('store 8'))).toThrow(openFailed);
    expect(() => openGcmRow(row, key)).toThrow(openFailed);
  });

  test('does not open with a part of another row', () => {
    const other = foreignRow(nonceLength);
    for (const part of ['ciphertext', 'tag', 'nonce'] as const)
      expect(() => openGcmRow({ ...row, [part]: other[part] }, key, bound)).toThrow(openFailed);
  });
});

test('rows written with short tags are refused', () => {
  for (const tagLength of [4, 8, 12, 13, 14, 15])
    expect(() => openGcmRow(foreignRow(12, tagLength), key, bound)).toThrow(openFailed);
});

test('rows with a nonce of another length are refused', () => {
  for (const length of [0, 1, 8, 11, 13, 15, 17, 32])
    expect(() => openGcmRow({ ...foreignRow(12), nonce: Buffer.alloc(length) }, key, bound)).toThrow(
      openFailed,
    );
});

test('a row of ours opens, has a fresh 12-byte nonce each time, and leaves the key alone', () => {
  const before = Buffer.from(key);
  const rows = Array.from({ length: 500 }, () => sealGcmRow(secret, key, bound));
  for (const row of rows) {
    expect(openGcmRow(row, key, bound)).toEqual(secret);
    expect([row.nonce.length, row.tag.length]).toEqual([12, 16]);
  }
  expect(new Set(rows.map((row) => Buffer.from(row.nonce).toString('hex'))).size).toBe(500);
  expect(key).toEqual(before);
});

test('a key of another length is refused', () => {
  const weak = expect.objectContaining({ code: 'key_weak' });
  for (const length of [0, 16, 24, 31, 33]) {
    expect(() => openGcmRow(foreignRow(12), Buffer.alloc(length, 1))).toThrow(weak);
    expect(() => sealGcmRow(secret, Buffer.alloc(length, 1))).toThrow(weak);
  }
});
