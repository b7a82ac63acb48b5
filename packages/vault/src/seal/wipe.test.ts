import { Cipheriv, Decipheriv } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { ContextOf } from './kinds.ts';
import { dropNoncePool, fillNonce } from './nonces.ts';
import { dataKey } from './open-key.ts';

// What lies in memory when it should not: the buffers that node:crypto handed out, looked at afterwards.
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
const secret = Buffer.alloc(48, 's');
const isZero = (bytes: Buffer) => bytes.every((byte) => byte === 0);

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each([1, 2] as const)('under suite %i', (suite) => {
  test('plaintext that did not verify is wiped before the refusal', () => {
    const key = dataKey(Buffer.alloc(32, 5), suite);
    const sealed = key.seal('token', place, secret);
    const outputs = vi.spyOn(Decipheriv.prototype, 'update');
    expect(key.open('token', place, sealed)).toEqual(secret);
    sealed[sealed.length - 1]! ^= 1;
    expect(() => key.open('token', place, sealed)).toThrow(expect.objectContaining({ code: 'open_failed' }));
    const [verified, refused] = outputs.mock.results.map(({ value }) => value as Buffer);
    expect(verified).toEqual(secret);
    expect(refused).toEqual(Buffer.alloc(secret.length));
  });
});

test('the subkey of a record is wiped when it was used, also by an opening that fails', () => {
  const key = dataKey(Buffer.alloc(32, 5), 1);
  const outputs = vi.spyOn(Cipheriv.prototype, 'update');
  const sealed = key.seal('token', place, secret);
  key.open('token', place, sealed);
  sealed[sealed.length - 1]! ^= 1;
  expect(() => key.open('token', place, sealed)).toThrow(expect.objectContaining({ code: 'open_failed' }));
  const subkeys = outputs.mock.results
    .map(({ value }) => value as Buffer)
    .filter(({ length }) => length === 32);
  expect(subkeys.map(isZero)).toEqual([true, true, true]);
});

test('the pool keeps no byte of a nonce that it gave, and none at all when it is dropped', () => {
  const copies = vi.spyOn(Buffer.prototype, 'copy');
  const nonce = Buffer.alloc(24);
  fillNonce(nonce);
  const pool = copies.mock.contexts[0] as Buffer;
  expect(pool.length).toBe(3072);
  expect(isZero(pool)).toBe(false);
  expect(pool.includes(nonce.subarray(0, 6))).toBe(false);
  dropNoncePool();
  expect(isZero(pool)).toBe(true);
});
