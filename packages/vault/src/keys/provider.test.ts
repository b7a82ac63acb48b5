import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { envKey } from './env-key.ts';
import { hkdfRoot } from './hkdf-root.ts';
import { earlierStretching, passphraseKey } from './passphrase.ts';
import { keyProviderContract } from './provider-contract.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';

const text = (): string => randomBytes(32).toString('base64');
const providers: Readonly<Record<string, () => Promise<KeyProvider>>> = {
  env: async () => envKey(text()),
  hkdf: async () => hkdfRoot(text()),
  'several roots': async () => rootKeys({ name: 'keyring', roots: [root(), root(), root()] }),
  'passphrase by PBKDF2': () =>
    passphraseKey(text(), { salt: randomBytes(16), stretching: earlierStretching }),
  // The least work that is taken, as every promise opens it anew.
  'passphrase by Argon2id': () =>
    passphraseKey(text(), {
      salt: randomBytes(32),
      stretching: { kdf: 'argon2id', memoryKib: 19_456, passes: 2, lanes: 1 },
    }),
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

test('MCP_KMS_KEY may be longer than 32 bytes, and not shorter', () => {
  expect(() => hkdfRoot(randomBytes(48).toString('base64url'))).not.toThrow();
  expect(() => hkdfRoot(randomBytes(31).toString('base64url'))).toThrow(
    expect.objectContaining({ code: 'key_weak' }),
  );
});

function root() {
  return { bytes: randomBytes(32), createdAtMs: 0 };
}
