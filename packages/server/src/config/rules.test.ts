import { expect, test } from 'vitest';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { initConfig } from '../config.ts';

const cwd = mkdtempSync(join(tmpdir(), 'rules-'));
const key = { TOKEN_ENCRYPTION_KEY: 'k' };
const passphrase = { TOKEN_ENCRYPTION_PASSPHRASE: 'p' };
const root = { MCP_KMS_KEY: 'r' };
const arn = { KMS_KEY_ARN: 'arn:aws:kms:eu-west-1:111122223333:key/1' };
const transit = { VAULT_ADDR: 'https://vault', VAULT_TRANSIT_KEY: 't', VAULT_TOKEN: 'v' };
const appRole = { VAULT_ROLE_ID: 'r', VAULT_SECRET_ID: 's' };

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
  [transit, 'transit', undefined],
  [arn, 'kms', undefined],
  [{ KEY_PROVIDER: 'kms', ...arn, ...key }, 'kms', undefined],
  [{ KEY_PROVIDER: 'env', ...key, ...transit }, 'env', 'k'],
  [{ VAULT_ADDR: 'http://vault', VAULT_TOKEN: 'v', ...appRole }, 'keyring', undefined],
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
  [{ KEY_PROVIDER: 'kms', ...key }, 'KEY_PROVIDER=kms needs KMS_KEY_ARN or KMS_KEY_ID'],
  [{ KMS_KEY_ID: 'alias/x' }, 'KMS_KEY_ID without a region needs AWS_REGION, or set KMS_KEY_ARN'],
  [{ ...arn, KMS_KEY_ID: '2' }, 'KMS_KEY_ARN and KMS_KEY_ID name different keys'],
  [{ ...arn, KMS_KEY_ID: 'alias/1' }, 'KMS_KEY_ARN and KMS_KEY_ID name different keys'],
  [{ ...arn, KMS_ENDPOINT: 'http://kms.example' }, 'KMS_ENDPOINT must be https unless it is on this machine'],
  [{ KMS_KEY_ARN: 'arn:aws:s3:::bucket' }, 'KMS_KEY_ARN must be the ARN of a key or of an alias'],
  [{ KEY_PROVIDER: 'transit' }, 'KEY_PROVIDER=transit needs VAULT_TRANSIT_KEY'],
  [{ VAULT_TRANSIT_KEY: 't' }, 'KEY_PROVIDER=transit needs VAULT_ADDR'],
  [{ ...transit, VAULT_TOKEN: '' }, 'needs VAULT_TOKEN, or VAULT_ROLE_ID and VAULT_SECRET_ID'],
  [{ ...transit, VAULT_TOKEN: '', VAULT_ROLE_ID: 'r' }, 'needs VAULT_TOKEN, or VAULT_ROLE_ID and'],
  [{ ...transit, VAULT_TOKEN: '', VAULT_SECRET_ID: 's' }, 'needs VAULT_TOKEN, or VAULT_ROLE_ID and'],
  [{ ...transit, ...appRole }, 'VAULT_TOKEN and VAULT_ROLE_ID are two ways to log in'],
  [{ ...transit, VAULT_ADDR: 'http://vault' }, 'VAULT_ADDR must be https'],
  [{ ...transit, VAULT_ADDR: 'https://vault/v1' }, 'VAULT_ADDR must be an origin'],
  [{ ...transit, VAULT_TRANSIT_MOUNT: '../sys' }, 'VAULT_TRANSIT_MOUNT must be a path'],
  [{ ...transit, VAULT_TRANSIT_KEY: 'a/rotate' }, 'VAULT_TRANSIT_KEY must be the name of a key'],
  [{ KEY_PROVIDER: 'env' }, 'KEY_PROVIDER=env needs TOKEN_ENCRYPTION_KEY'],
  [{ KEY_PROVIDER: 'env', ...passphrase }, 'KEY_PROVIDER=env needs TOKEN_ENCRYPTION_KEY'],
  [{ KEY_PROVIDER: 'passphrase' }, 'KEY_PROVIDER=passphrase needs TOKEN_ENCRYPTION_PASSPHRASE'],
  [{ KEY_PROVIDER: 'hkdf' }, 'KEY_PROVIDER=hkdf needs MCP_KMS_KEY'],
];
test.each(refused)('%j is refused: %s', (env, message) => {
  expect(() => initConfig({ env, cwd })).toThrow(message);
});

const dynamo = { MAIN_DB_TYPE: 'dynamodb', DYNAMODB_REGION: 'eu-west-1' };
test('a second file is refused where the journal is on DynamoDB', () => {
  const env = { ...dynamo, AUDIT_LOG_SECOND_FILE: '/mnt/second.jsonl' };
  expect(() => initConfig({ env, cwd })).toThrow('AUDIT_LOG_SECOND_FILE is for a journal on disk');
});

const anchored: [Record<string, string>, string][] = [
  [{ AUDIT_ANCHOR_SECRET: 's' }, 'AUDIT_ANCHOR_SECRET needs AUDIT_ANCHOR_URL'],
  [{ AUDIT_ANCHOR_URL: 'http://10.0.0.1/a' }, 'AUDIT_ANCHOR_URL must be https unless it is on this machine'],
  [{ AUDIT_ANCHOR_URL: 'https://u:p@gate.example' }, 'AUDIT_ANCHOR_URL must be an address'],
  [{ AUDIT_ANCHOR_URL: 'ftp://gate.example' }, 'AUDIT_ANCHOR_URL must be an address'],
  [{ AUDIT_ANCHOR_INTERVAL_SECONDS: '59' }, 'AUDIT_ANCHOR_INTERVAL_SECONDS must be a whole number'],
  [{ AUDIT_ANCHOR_ARCHIV: 'true' }, 'did you mean AUDIT_ANCHOR_ARCHIVE?'],
];
test.each(anchored)('%j is refused: %s', (env, message) => {
  expect(() => initConfig({ env, cwd })).toThrow(message);
});

test('checkpoints go into the blobs by themselves when those lie in S3, and to the address that is named', () => {
  const anchors = (env: Record<string, string>) => initConfig({ env, cwd }).auditLog.anchors;
  expect(anchors({})).toEqual({ intervalSeconds: 3600, archive: false, webhook: undefined });
  const s3 = { STORAGE_TYPE: 's3', STORAGE_BUCKET: 'blobs', AWS_REGION: 'eu-central-1' };
  expect([anchors(s3).archive, anchors({ ...s3, AUDIT_ANCHOR_ARCHIVE: 'false' }).archive]).toEqual([
    true,
    false,
  ]);
  const { webhook } = anchors({ AUDIT_ANCHOR_URL: 'http://[::1]:9/a?token=t', AUDIT_ANCHOR_SECRET: 's' });
  expect([webhook?.local, webhook?.url.reveal(), webhook?.secret?.reveal()]).toEqual([
    true,
    'http://[::1]:9/a?token=t',
    's',
  ]);
  expect(anchors({ AUDIT_ANCHOR_URL: 'https://gate.example/a' }).webhook?.local).toBe(false);
});

test('a root key that is set beside the one that is named opens what it wrapped, and is told of', () => {
  const { warnings, openingKeys } = initConfig({ env: { KEY_PROVIDER: 'keyring', ...key, ...arn }, cwd });
  expect(openingKeys.map(({ provider }) => provider)).toEqual(['env', 'kms']);
  expect(warnings).toEqual([
    'TOKEN_ENCRYPTION_KEY is set beside KEY_PROVIDER=keyring: it opens what it wrapped, and nothing new is wrapped by it',
    'KMS_KEY_ARN is set beside KEY_PROVIDER=keyring: it opens what it wrapped, and nothing new is wrapped by it',
  ]);
});

test('a root key beside the one that is named is left out, with a word, where it is not complete', () => {
  const env = { KEY_PROVIDER: 'env', ...key, KMS_KEY_ID: 'alias/x' };
  const { warnings, openingKeys } = initConfig({ env, cwd });
  expect(openingKeys).toEqual([]);
  expect(warnings).toEqual([
    'KMS_KEY_ID is set beside KEY_PROVIDER=env and is not read: KMS_KEY_ID without a region needs AWS_REGION, or set KMS_KEY_ARN',
  ]);
});

test.each([[{}], [key], [{ KEY_PROVIDER: 'hkdf', ...root }]])('%j opens with one provider alone', (env) => {
  expect(initConfig({ env, cwd }).openingKeys).toEqual([]);
});

test('a transit key is reached at its server, mount and namespace, by token or AppRole', () => {
  const given = {
    ...transit,
    VAULT_NAMESPACE: 'team/',
    VAULT_CACERT: 'ca.pem',
    VAULT_TRANSIT_MOUNT: 'team/keys',
  };
  const { keys, secrets } = initConfig({ env: given, cwd });
  expect(keys).toMatchObject({
    address: 'https://vault',
    namespace: 'team',
    caFile: 'ca.pem',
    mount: 'team/keys',
    key: 't',
  });
  expect(secrets.map(({ name }) => name)).toEqual(['VAULT_TOKEN']);
  const { keys: byRole } = initConfig({
    env: { VAULT_ADDR: 'http://127.0.0.1:8200', VAULT_TRANSIT_KEY: 't', ...appRole },
    cwd,
  });
  const logIn = byRole.provider === 'transit' && 'roleId' in byRole.logIn ? byRole.logIn : undefined;
  expect([byRole, logIn?.roleId, logIn?.secretId.reveal()]).toEqual([
    expect.objectContaining({ mount: 'transit', namespace: undefined, caFile: undefined }),
    'r',
    's',
  ]);
});

test('a KMS key is named by ARN, id or alias, in its region', () => {
  const keys = (env: Record<string, string>) => initConfig({ env, cwd }).keys;
  const eu = {
    provider: 'kms',
    region: 'eu-west-1',
    service: 'sealgate',
    tenantKeys: false,
    endpoint: undefined,
  };
  expect(keys(arn)).toEqual({ ...eu, keyId: arn.KMS_KEY_ARN });
  expect(keys({ ...arn, KMS_KEY_ID: '1', AWS_REGION: 'us-east-1' })).toEqual({
    ...eu,
    keyId: arn.KMS_KEY_ARN,
  });
  expect(keys({ KMS_KEY_ID: arn.KMS_KEY_ARN })).toEqual({ ...eu, keyId: arn.KMS_KEY_ARN });
  const given = {
    KMS_KEY_ID: 'alias/x',
    AWS_REGION: 'us-east-1',
    KMS_ENDPOINT: 'http://127.0.0.1:4566',
    KMS_TENANT_KEYS: 'true',
    SERVICE_NAME: 'orders',
  };
  expect(keys(given)).toEqual({
    provider: 'kms',
    keyId: 'alias/x',
    region: 'us-east-1',
    endpoint: 'http://127.0.0.1:4566',
    service: 'orders',
    tenantKeys: true,
  });
});
