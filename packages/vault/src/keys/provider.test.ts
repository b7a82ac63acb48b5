import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { envKey } from './env-key.ts';
import { hkdfRoot } from './hkdf-root.ts';
import { passphraseKey } from './passphrase.ts';
import { keyProviderContract } from './provider-contract.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';

const text = (): string => randomBytes(32).toString('base64');
const providers: Readonly<Record<string, () => Promise<KeyProvider>>> = {
  env: async () => envKey(text()),
  hkdf: async () => hkdfRoot(text()),
  'several roots': async () => rootKeys({ name: 'keyring', roots: [root(), root(), root()] }),
  passphrase: () => passphraseKey(randomBytes(16).toString('hex'), randomBytes(16)),
};

describe.each(Object.entries(providers))('the provider %s', (_, open) => {
  test.each(keyProviderContract)('$name', ({ run }) => run(open));
});

const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };

test('a key wrapped under one root does not open under the name of another root of the same keyring', async () => {
  const provider = rootKeys({ name: 'keyring', roots: [root(), root()] });
  const [first, second] = await provider.describe();
  const made = await provider.generate({ tenant: 't', keyRef: second?.keyRef ?? '', context });
  expect(made.keyRef).toBe(second?.keyRef);
  const misnamed = provider.unwrap({ ...made, keyRef: first?.keyRef ?? '', tenant: 't', context });
  await expect(misnamed).rejects.toMatchObject({ code: 'open_failed' });
  const moved = await provider.rewrap({ ...made, tenant: 't', context });
  expect(moved.keyRef).toBe(first?.keyRef);
  expect(await provider.unwrap({ ...moved, tenant: 't', context })).toEqual(made.plaintext);
});

test('the same variable opens what an earlier process wrapped, in whatever form it is written', async () => {
  const key = randomBytes(32);
  for (const make of [envKey, hkdfRoot]) {
    const made = await make(key.toString('hex')).generate({ tenant: 't', context });
    const opened = await make(key.toString('base64url')).unwrap({ ...made, tenant: 't', context });
    expect(opened).toEqual(made.plaintext);
  }
});

test('the same passphrase and salt make the same root; another salt does not', async () => {
  const salt = randomBytes(16);
  const passphrase = 'correct horse battery staple';
  const made = await (await passphraseKey(passphrase, salt)).generate({ tenant: 't', context });
  const again = await passphraseKey(passphrase, salt);
  expect(await again.unwrap({ ...made, tenant: 't', context })).toEqual(made.plaintext);
  const other = await passphraseKey(passphrase, randomBytes(16));
  await expect(other.unwrap({ ...made, tenant: 't', context })).rejects.toMatchObject({
    code: 'key_unavailable',
  });
});

test.each([
  ['a short passphrase', 'hunter2', randomBytes(16), 600_000],
  ['one letter many times', 'aaaaaaaaaaaaaaaaaaaaaaaaaa', randomBytes(16), 600_000],
  ['a short salt', 'correct horse battery staple', randomBytes(15), 600_000],
  ['too few rounds', 'correct horse battery staple', randomBytes(16), 599_999],
  ['no number of rounds', 'correct horse battery staple', randomBytes(16), Number.NaN],
])('%s is refused', async (_, passphrase, salt, rounds) => {
  await expect(passphraseKey(passphrase, salt, rounds)).rejects.toMatchObject({ code: 'key_weak' });
});

test('MCP_KMS_KEY may be longer than 32 bytes, and not shorter', () => {
  expect(() => hkdfRoot(randomBytes(48).toString('base64url'))).not.toThrow();
  expect(() => hkdfRoot(randomBytes(31).toString('base64url'))).toThrow(
    expect.objectContaining({ code: 'key_weak' }),
  );
});

function root() {
  return { bytes: randomBytes(32), createdAtMs: 0 };
}
