import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenEncryptionService } from './token-encryption-service.ts';

interface Frozen {
  readonly encryptionKey: string;
  readonly token: string;
  readonly texts: readonly { readonly form: string; readonly text: string }[];
  readonly passphrase: Readonly<Record<'passphrase' | 'salt' | 'text', string>> & { readonly rounds: number };
  readonly hashed: string;
}

const frozen = JSON.parse(readFileSync(new URL('vectors/tokens.json', import.meta.url), 'utf8')) as Frozen;
const { encryptionKey, token } = frozen;
const service = new TokenEncryptionService({ encryptionKey });
const openFailed = expect.objectContaining({
  code: 'open_failed',
  message: 'the sealed data cannot be opened',
});
const refused = (code: string) => expect.objectContaining({ code });

describe.each(frozen.texts)('a frozen token as $form', ({ text }) => {
  test('opens', () => {
    expect(service.decrypt(text)).toBe(token);
  });

  test('does not open under another key', () => {
    const other = new TokenEncryptionService({ encryptionKey: randomBytes(32) });
    expect(() => other.decrypt(text)).toThrow(openFailed);
  });

  test('does not open with any one character changed, cut off or added', () => {
    for (let at = 0; at < text.length; at += 1) {
      const changed = `${text.slice(0, at)}${text[at] === 'a' ? 'b' : 'a'}${text.slice(at + 1)}`;
      // Hex in capitals is the same bytes; every other change is another text.
      expect(() => service.decrypt(changed), `at ${at}`).toThrow(openFailed);
      expect(() => service.decrypt(text.slice(0, at)), `cut to ${at}`).toThrow(openFailed);
    }
    for (const more of ['a', 'AAAA', ' ', '\n', ':', ':00'])
      expect(() => service.decrypt(text + more)).toThrow(openFailed);
  });
});

test('a token in clear, or any other text, is an error and never a token', () => {
  const texts = [
    '',
    'token-in-clear',
    'eyJhbGciOiJIUzI1NiJ9.e30.c2ln',
    'a:b',
    '::',
    ':::',
    '{"accessToken":"x"}',
  ];
  for (const text of texts) expect(() => service.decrypt(text)).toThrow(openFailed);
  for (const value of [undefined, null, 7, {}])
    expect(() => service.decrypt(value as unknown as string)).toThrow(openFailed);
  fc.assert(
    fc.property(fc.string({ maxLength: 200 }), (text) => {
      expect(() => service.decrypt(text)).toThrow(openFailed);
    }),
  );
});

test('every token comes back, and none is ever the same text twice', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
      const [one, two] = [service.encrypt(text), service.encrypt(text)];
      expect(one).not.toBe(two);
      expect([service.decrypt(one), service.decrypt(two)]).toEqual([text, text]);
      expect(one).toMatch(/^[\w-]+$/u);
    }),
  );
});

test('a value comes back as JSON, and what is no JSON is an error that does not quote it', async () => {
  const value = { accessToken: 'a', scopes: ['b'], expiresAt: 1 };
  expect(service.decryptJSON(service.encryptJSON(value))).toEqual(value);
  expect(() => service.encryptJSON(undefined)).toThrow(TypeError);
  const sealed = service.encrypt('{"canary-of-a-token');
  const read = async () => service.decryptJSON(sealed);
  await expect(read()).rejects.toThrow(openFailed);
  const error = (await read().catch((reason: unknown) => reason)) as Error & { detail?: string };
  expect(`${error.message} ${error.detail} ${String(error.cause)}`).not.toContain('canary-of-a-token');
});

test('the name of a row is the hash of its token', () => {
  expect(service.hashKey(token)).toBe(frozen.hashed);
});

describe('without a good key there is no service', () => {
  test.each([
    ['none', '', 'key_unavailable'],
    ['white space', '  \n', 'key_unavailable'],
    ['16 bytes', randomBytes(16).toString('base64'), 'key_weak'],
    ['31 bytes', randomBytes(31).toString('base64'), 'key_weak'],
    ['33 bytes', randomBytes(33).toString('base64'), 'key_weak'],
    ['zeros', Buffer.alloc(32).toString('base64'), 'key_weak'],
    ['a word, over and over', Buffer.from('changeme'.repeat(4)).toString('base64'), 'key_weak'],
    ['no base64', '*'.repeat(44), 'key_weak'],
  ])('%s', (_, key, code) => {
    expect(() => new TokenEncryptionService({ encryptionKey: key })).toThrow(refused(code));
    expect(TokenEncryptionService.verifyKey(key)).toBe(false);
  });

  test('an option that is missing', () => {
    expect(() => new TokenEncryptionService({} as { encryptionKey: string })).toThrow(
      refused('key_unavailable'),
    );
  });

  test('a key that is made here is one', () => {
    const made = TokenEncryptionService.generateKey();
    expect(TokenEncryptionService.verifyKey(made)).toBe(true);
    const one = new TokenEncryptionService({ encryptionKey: made });
    expect(one.decrypt(one.encrypt(token))).toBe(token);
  });
});

describe('a passphrase', () => {
  const { passphrase, rounds, text } = frozen.passphrase;
  const salt = Buffer.from(frozen.passphrase.salt, 'hex');

  test('opens what was sealed under it, with the same salt and rounds alone', async () => {
    const same = await TokenEncryptionService.fromPassphrase({ passphrase, salt, rounds });
    expect(same.decrypt(text)).toBe(token);
    const others = [
      { passphrase, salt, rounds: rounds + 1 },
      { passphrase, salt: randomBytes(16), rounds },
      { passphrase: `${passphrase} `, salt, rounds },
    ];
    for (const other of others) {
      const made = await TokenEncryptionService.fromPassphrase(other);
      expect(() => made.decrypt(text)).toThrow(openFailed);
    }
  });

  test.each([
    ['that is missing', { passphrase: '', salt }, 'key_unavailable'],
    ['that is short', { passphrase: 'fifteen letters', salt }, 'key_weak'],
    ['with a short salt', { passphrase, salt: salt.subarray(0, 7) }, 'key_weak'],
    ['without a salt', { passphrase, salt: undefined as unknown as Buffer }, 'key_weak'],
    ['with 99,999 rounds', { passphrase, salt, rounds: 99_999 }, 'key_weak'],
    ['with no number of rounds', { passphrase, salt, rounds: Number.NaN }, 'key_weak'],
  ])('%s is refused', async (_, given, code) => {
    await expect(TokenEncryptionService.fromPassphrase(given)).rejects.toThrow(refused(code));
  });
});
