import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Suite } from './data-key.ts';
import { mintKeyBytes } from './key-bytes.ts';
import { kinds, type ContextOf, type KindName } from './kinds.ts';
import { dataKey } from './open-key.ts';

const place: ContextOf<'token'> = {
  deployment: 'd',
  tenant: 't',
  subject: '',
  kind: 'token',
  table: 'tokens',
  record: 'r',
  field: 'f',
  epoch: '1',
};
const secret = Buffer.from('a secret');
const bytesOf = (fill: number) => Buffer.alloc(32, fill);
const fieldText = fc.string({ unit: 'grapheme', maxLength: 40 });

/** A context with these values in the kind's own fields. */
function contextFor(kind: KindName, values: readonly string[]): ContextOf<KindName> {
  return Object.fromEntries(kinds[kind].fields.map((field, i) => [field, values[i]])) as ContextOf<KindName>;
}

describe.each([1, 2] as const)('a key of suite %i', (suite: Suite) => {
  test('opens what it sealed, for every kind, context and length', () => {
    const key = dataKey(mintKeyBytes(), suite);
    fc.assert(
      fc.property(
        fc.constantFrom(...(Object.keys(kinds) as KindName[])),
        fc.array(fieldText, { minLength: 8, maxLength: 8 }),
        fc.uint8Array({ maxLength: 3000 }),
        fc.uint8Array({ maxLength: 200 }),
        (kind, values, plaintext, wrappedKey) => {
          const context = contextFor(kind, values);
          const wrapped = kinds[kind].ownKey ? wrappedKey : undefined;
          const sealed = key.seal(kind, context, plaintext, wrapped);
          const overhead = 20 + (wrapped ? 2 + wrapped.length : 0) + (suite === 1 ? 24 : 12) + 16;
          expect(sealed.length).toBe(overhead + plaintext.length);
          expect(key.open(kind, context, sealed).equals(plaintext)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('never seals the same secret to the same bytes', () => {
    const key = dataKey(mintKeyBytes(), suite);
    const all = Array.from({ length: 1000 }, () => key.seal('token', place, secret).toString('hex'));
    expect(new Set(all).size).toBe(1000);
  });

  test('takes the bytes over and wipes them', () => {
    const bytes = bytesOf(7);
    dataKey(bytes, suite);
    expect(bytes).toEqual(Buffer.alloc(32));
  });

  test('returns plaintext in memory of its own', () => {
    const key = dataKey(bytesOf(7), suite);
    const opened = key.open('token', place, key.seal('token', place, secret));
    expect(opened.buffer.byteLength).toBe(secret.length);
  });

  test('does not open what another key sealed, even when told that it did', () => {
    const [one, other] = [dataKey(bytesOf(1), suite), dataKey(bytesOf(2), suite)];
    const sealed = one.seal('token', place, secret);
    expect(() => other.open('token', place, sealed)).toThrow(
      expect.objectContaining({ code: 'open_failed' }),
    );
    sealed.set(other.id, 4);
    expect(() => other.open('token', place, sealed)).toThrow(
      expect.objectContaining({ code: 'open_failed' }),
    );
  });

  test('has a commitment that follows from its bytes and suite alone', () => {
    const key = dataKey(bytesOf(1), suite);
    expect(dataKey(bytesOf(1), suite).commitment).toEqual(key.commitment);
    expect(dataKey(bytesOf(2), suite).commitment).not.toEqual(key.commitment);
    expect(dataKey(bytesOf(1), suite === 1 ? 2 : 1).commitment).not.toEqual(key.commitment);
    expect(key.id).toEqual(key.commitment.subarray(0, 16));
  });

  test('keeps its own id whatever is written into the one it shows', () => {
    const key = dataKey(bytesOf(1), suite);
    const sealed = key.seal('token', place, secret);
    key.id.fill(0);
    key.commitment.fill(0);
    expect(key.open('token', place, sealed)).toEqual(secret);
  });

  test('is spent by the number of records, and by their bytes', () => {
    const byRecords = dataKey(bytesOf(1), suite, { limits: { records: 2, bytes: 1000 } });
    const byBytes = dataKey(bytesOf(1), suite, { limits: { records: 1000, bytes: 2 * secret.length } });
    for (const key of [byRecords, byBytes]) {
      expect(key.spent).toBe(false);
      key.seal('token', place, secret);
      expect(key.spent).toBe(false);
      const sealed = key.seal('token', place, secret);
      expect(key.spent).toBe(true);
      expect(key.open('token', place, sealed)).toEqual(secret);
    }
  });

  test('neither seals nor opens once it is destroyed', () => {
    const key = dataKey(bytesOf(1), suite);
    const sealed = key.seal('token', place, secret);
    key.destroy();
    key.destroy();
    const gone = expect.objectContaining({ code: 'key_unavailable' });
    expect(() => key.seal('token', place, secret)).toThrow(gone);
    expect(() => key.open('token', place, sealed)).toThrow(gone);
  });

  test.each([0, 16, 31, 33, 64])('is not made of %i bytes', (length) => {
    const bytes = Buffer.alloc(length, 1);
    expect(() => dataKey(bytes, suite)).toThrow(expect.objectContaining({ code: 'key_weak' }));
    expect(bytes).toEqual(Buffer.alloc(length));
  });

  test('is not made of bytes that were wiped', () => {
    expect(() => dataKey(Buffer.alloc(32), suite)).toThrow(expect.objectContaining({ code: 'key_weak' }));
  });
});

test('minted bytes lie in memory of their own and the drawn ones are wiped', () => {
  const drawn = Buffer.alloc(32, 9);
  const minted = mintKeyBytes(() => drawn);
  expect(minted).toEqual(Buffer.alloc(32, 9));
  expect(minted.buffer.byteLength).toBe(32);
  expect(drawn).toEqual(Buffer.alloc(32));
});

test('a kind with keys of its own demands a wrapped key, any other refuses one', () => {
  const key = dataKey(bytesOf(1), 1);
  const invalid = expect.objectContaining({ code: 'context_invalid' });
  expect(() => key.seal('session', place, secret)).toThrow(invalid);
  expect(() => key.seal('token', place, secret, Buffer.alloc(1))).toThrow(invalid);
  expect(() => key.seal('session', place, secret, Buffer.alloc(65_536))).toThrow(invalid);
  const sealed = key.seal('session', place, secret, Buffer.alloc(65_535, 3));
  expect(key.open('session', place, sealed)).toEqual(secret);
});
