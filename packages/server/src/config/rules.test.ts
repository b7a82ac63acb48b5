import { expect, test } from 'vitest';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initConfig } from '../config.ts';

const cwd = mkdtempSync(join(tmpdir(), 'rules-'));
const key = { TOKEN_ENCRYPTION_KEY: 'k' };
const passphrase = { TOKEN_ENCRYPTION_PASSPHRASE: 'p' };
const root = { MCP_KMS_KEY: 'r' };
const arn = { KMS_KEY_ARN: 'arn:aws:kms:eu-west-1:1:key/1' };
const transit = { VAULT_ADDR: 'https://vault', VAULT_TRANSIT_KEY: 't' };

const chosen: [Record<string, string>, string, string | undefined][] = [
  [{}, 'keyring', undefined],
  [{ VAULT_ADDR: 'https://vault' }, 'keyring', undefined],
  [key, 'env', 'k'],
  [passphrase, 'passphrase', 'p'],
  [root, 'hkdf', 'r'],
  [{ KEY_PROVIDER: 'keyring' }, 'keyring', undefined],
  [{ KEY_PROVIDER: 'keyring', ...key, ...root }, 'keyring', undefined],
  [{ KEY_PROVIDER: 'env', ...key, ...passphrase }, 'env', 'k'],
  [{ KEY_PROVIDER: 'passphrase', ...key, ...passphrase }, 'passphrase', 'p'],
  [{ KEY_PROVIDER: 'hkdf', ...root, ...arn }, 'hkdf', 'r'],
];
test.each(chosen)('%j chooses %s', (env, provider, value) => {
  const { keys } = initConfig({ env, cwd });
  expect([keys.provider, 'secret' in keys ? keys.secret.reveal() : undefined]).toEqual([provider, value]);
});

const refused: [Record<string, string>, string][] = [
  [{ ...key, ...passphrase }, 'TOKEN_ENCRYPTION_KEY and TOKEN_ENCRYPTION_PASSPHRASE name several root keys'],
  [{ ...key, ...root }, 'TOKEN_ENCRYPTION_KEY and MCP_KMS_KEY name several root keys'],
  [{ ...key, ...arn }, 'TOKEN_ENCRYPTION_KEY and KMS_KEY_ARN name several root keys'],
  [{ ...arn, ...transit }, 'KMS_KEY_ARN and VAULT_TRANSIT_KEY name several root keys'],
  [
    { ...key, ...passphrase, ...root, ...arn, ...transit },
    'name several root keys: keep one, or set KEY_PROVIDER',
  ],
  [arn, 'KEY_PROVIDER=kms is not part of this version'],
  [{ KMS_KEY_ID: 'alias/x' }, 'KEY_PROVIDER=kms is not part of this version'],
  [transit, 'KEY_PROVIDER=transit is not part of this version'],
  [{ KEY_PROVIDER: 'kms', ...key }, 'KEY_PROVIDER=kms is not part of this version'],
  [{ KEY_PROVIDER: 'transit' }, 'KEY_PROVIDER=transit is not part of this version'],
  [{ KEY_PROVIDER: 'env' }, 'KEY_PROVIDER=env needs TOKEN_ENCRYPTION_KEY'],
  [{ KEY_PROVIDER: 'env', ...passphrase }, 'KEY_PROVIDER=env needs TOKEN_ENCRYPTION_KEY'],
  [{ KEY_PROVIDER: 'passphrase' }, 'KEY_PROVIDER=passphrase needs TOKEN_ENCRYPTION_PASSPHRASE'],
  [{ KEY_PROVIDER: 'hkdf' }, 'KEY_PROVIDER=hkdf needs MCP_KMS_KEY'],
];
test.each(refused)('%j is refused: %s', (env, message) => {
  expect(() => initConfig({ env, cwd })).toThrow(message);
});

test('a root key that is set beside the one that is named opens what it wrapped, and is told of', () => {
  const { warnings, openingKeys } = initConfig({ env: { KEY_PROVIDER: 'keyring', ...key, ...arn }, cwd });
  expect(openingKeys.map(({ provider }) => provider)).toEqual(['env']);
  expect(warnings).toEqual([
    'nothing in this version reads KMS_KEY_ARN',
    'the root key of env is set beside KEY_PROVIDER=keyring: it opens what it wrapped, and new groups do not use it',
  ]);
});

test.each([[{}], [key], [{ KEY_PROVIDER: 'hkdf', ...root }]])('%j opens with one provider alone', (env) => {
  expect(initConfig({ env, cwd }).openingKeys).toEqual([]);
});
