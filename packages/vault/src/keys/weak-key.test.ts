import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { decodeKeyText } from './key-text.ts';
import { refuseWeakKey } from './weak-key.ts';

const name = 'TOKEN_ENCRYPTION_KEY';
const weak = expect.objectContaining({ code: 'key_weak' });

describe('keys that people set without thinking are refused', () => {
  test.each([
    ['zeros', Buffer.alloc(32)],
    ['one byte repeated', Buffer.alloc(32, 0xa5)],
    ['counting', Buffer.from(Array.from({ length: 32 }, (_, index) => index))],
    [
      'counting down by three',
      Buffer.from(Array.from({ length: 32 }, (_, index) => (250 - 3 * index) & 0xff)),
    ],
    ['readable text', Buffer.from('test-kms-key-for-development-32b')],
    [
      'sixteen random bytes twice',
      Buffer.concat([
        Buffer.alloc(16).map((_, i) => (i * i * 7 + 131) & 0xff),
        Buffer.alloc(16).map((_, i) => (i * i * 7 + 131) & 0xff),
      ]),
    ],
    ['31 bytes', randomBytes(31)],
    ['33 bytes', randomBytes(33)],
    ['nothing', Buffer.alloc(0)],
  ])('%s', (_, bytes) => {
    expect(() => refuseWeakKey(bytes, name)).toThrow(weak);
  });

  test('a random key passes, ten thousand times', () => {
    for (let round = 0; round < 10_000; round += 1) refuseWeakKey(randomBytes(32), name);
  });

  test('the message says how to make one and does not show the key', () => {
    expect(() => refuseWeakKey(Buffer.from('hunter2hunter2hunter2hunter2hunt'), name)).toThrow(
      /openssl rand -base64 32/u,
    );
    expect(() => refuseWeakKey(Buffer.from('hunter2hunter2hunter2hunter2hunt'), name)).not.toThrow(
      /hunter2/u,
    );
  });
});

describe('a key is read exactly as it was written', () => {
  const key = randomBytes(32);
  test.each(['hex', 'base64', 'base64url'] as const)('%s', (form) => {
    expect(decodeKeyText(`  ${key.toString(form)}\n`, name)).toEqual(key);
  });

  test('base64 without its padding', () => {
    expect(decodeKeyText(key.toString('base64').replace('=', ''), name)).toEqual(key);
  });

  test.each([
    ['a junk character inside', `${key.toString('base64').slice(0, 10)}!${key.toString('base64').slice(11)}`],
    ['a space inside', `${key.toString('base64').slice(0, 10)} ${key.toString('base64').slice(10)}`],
    ['mixed alphabets', `+_${'A'.repeat(41)}`],
    ['loose bits at the end', `${'A'.repeat(42)}B`],
    ['too much padding', `${key.toString('base64')}=`],
    ['nothing', ''],
    ['only padding', '=='],
  ])('%s is refused', (_, text) => {
    expect(() => decodeKeyText(text, name)).toThrow(weak);
  });
});
