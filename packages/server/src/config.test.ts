import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Refusal } from '@sealgate/vault';
import { afterAll, expect, test } from 'vitest';
import { initConfig, readAuditToken } from './config.ts';
import { active } from './config/active.ts';
import { isLoopback } from './config/loopback.ts';

const made: string[] = [];
afterAll(() => made.forEach((folder) => rmSync(folder, { recursive: true })));

function folder(files: Record<string, string> = {}): string {
  const path = mkdtempSync(join(tmpdir(), 'config-'));
  made.push(path);
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(path, name), content, { mode: 0o600 });
  return path;
}

function refusal(env: Record<string, string>, files: Record<string, string> = {}): string {
  try {
    initConfig({ env, cwd: folder(files) });
  } catch (error) {
    if (error instanceof Refusal && error.code === 'config_invalid')
      return `${error.message} ${error.detail ?? ''}`;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const random64 = 'kJ8mX2qP9vR4tY7wZ1nB5cF3hL6dG0sAeUiOxVpQzWjMyTrNbKfHgDlSaCkEuIoP';
const several = {
  MAIN_DB_TYPE: 'dynamodb',
  AWS_REGION: 'eu-central-1',
  REDIS_URL: 'rediss://cache.example.com:6379/2',
  ADVERTISE_URL: 'http://10.0.0.5:3000',
  TOKEN_ENCRYPTION_KEY: 'k',
  AUTH_SECRET: 'a',
};
const production = { NODE_ENV: 'production', AUTH_SECRET: random64 };

test('an empty environment gives every default', () => {
  const cwd = folder();
  const config = initConfig({ env: {}, cwd });
  expect(config).toEqual({
    environment: 'development',
    auditZone: 'UTC',
    host: '127.0.0.1',
    port: 3000,
    publicOrigin: undefined,
    authSecret: undefined,
    logLevel: 'info',
    dataDirectory: join(cwd, 'data'),
    database: { type: 'sqlite' },
    dynamodb: { type: 'dynamodb', region: undefined, tablePrefix: '', endpoint: undefined },
    storage: { type: 'filesystem' },
    keys: { provider: 'keyring' },
    openingKeys: [],
    serviceName: 'sealgate',
    mcpServersFile: { path: join(cwd, 'data', 'mcp.json'), named: false },
    signIn: { mail: undefined, signUp: 'open', loginsPerMinute: 5, signUpsPerMinute: 2 },
    skipsAuth: false,
    limits: {
      mcpRequestsPerMinute: 600,
      adminRequestsPerMinute: 60,
      oauthRequestsPerMinute: 60,
      requestTimeoutSeconds: 300,
      protocolMin: '2025-03-26',
      bodyBytesMax: 4_194_304,
    },
    auditLog: { hotDays: 90, secondFile: undefined, anchors: { intervalSeconds: 3600, archive: false } },
    drain: { delaySeconds: 0, seconds: 10 },
    warnings: [],
    secrets: [],
  });
});

test('redis comes with its password, and is warned of where it travels in clear', () => {
  const plain = initConfig({ env: { ...several, REDIS_AUTH_TOKEN: 'word' }, cwd: folder() });
  expect(plain.redis).toMatchObject({ allowPlaintext: false });
  expect(plain.redis?.url.reveal()).toBe(several.REDIS_URL);
  expect(plain.redis?.authToken?.reveal()).toBe('word');
  expect(plain.warnings).toEqual([]);
  const env = { ...several, REDIS_URL: 'redis://cache.example.com', REDIS_ALLOW_PLAINTEXT: 'true' };
  expect(initConfig({ env, cwd: folder() }).warnings).toEqual([
    'REDIS_ALLOW_PLAINTEXT is set: the password of Redis travels in clear; use rediss:// where you can',
  ]);
  const near = { ...several, REDIS_URL: 'redis://[::1]:6379' };
  expect(initConfig({ env: near, cwd: folder() }).redis?.authToken).toBeUndefined();
});

test('the second file of the journal is looked for from where the process was started', () => {
  const cwd = folder();
  const { auditLog } = initConfig({ env: { AUDIT_LOG_SECOND_FILE: 'other/second.jsonl' }, cwd });
  expect(auditLog.secondFile).toBe(join(cwd, 'other', 'second.jsonl'));
});

test('the configuration is frozen in depth', () => {
  const config = initConfig({ env: { ...production }, cwd: folder() });
  for (const part of [config, config.limits, config.keys, config.secrets, config.secrets[0], config.warnings])
    expect(Object.isFrozen(part)).toBe(true);
});

test('commands that may be run are a list; one that is empty is a mistake', () => {
  const { limits } = initConfig({ env: { MCP_STDIO_COMMANDS: 'npx, /opt/a tool' }, cwd: folder() });
  expect(limits.stdioCommands).toEqual(['npx', '/opt/a tool']);
  expect(() => initConfig({ env: { MCP_STDIO_COMMANDS: 'npx,,uvx' }, cwd: folder() })).toThrow(
    /MCP_STDIO_COMMANDS must be/,
  );
});

test('each variable that is read arrives parsed', () => {
  const cwd = folder();
  const env = {
    NODE_ENV: 'test',
    PORT: '0',
    HOST: '[::1]',
    FRONTEND_URL: 'https://Gateway.Example.com/',
    LOG_LEVEL: 'warn',
    DATA_DIR: '/var/lib/sealgate',
    MCP_SERVERS_FILE: 'servers.json',
    MAIN_DB_TYPE: 'sqlite',
    RATE_LIMIT_MCP_RPM: '1000000',
    REQUEST_TIMEOUT_SECONDS: '30',
    BODY_BYTES_MAX: '65536',
    DRAIN_DELAY_SECONDS: '100',
    DRAIN_SECONDS: '300',
    MCP_DEV_SKIP_AUTH: 'false',
  };
  expect(initConfig({ env, cwd })).toMatchObject({
    environment: 'test',
    port: 0,
    host: '::1',
    publicOrigin: 'https://gateway.example.com',
    logLevel: 'warn',
    dataDirectory: '/var/lib/sealgate',
    mcpServersFile: { path: join(cwd, 'servers.json'), named: true },
    limits: { mcpRequestsPerMinute: 1_000_000, requestTimeoutSeconds: 30, bodyBytesMax: 65_536 },
    drain: { delaySeconds: 100, seconds: 300 },
    warnings: [],
  });
});

test('sign-in is skipped on this machine only, with a warning', () => {
  const { skipsAuth, warnings } = initConfig({ env: { MCP_DEV_SKIP_AUTH: 'true' }, cwd: '/srv' });
  expect([skipsAuth, warnings]).toEqual([true, [expect.stringContaining('MCP_DEV_SKIP_AUTH is set')]]);
});

test('an empty text is "not set"', () => {
  expect(
    initConfig({ env: { PORT: '', AUTH_SECRET: '', KEY_PROVIDER: '', SEALGATE_X: '' }, cwd: folder() }).port,
  ).toBe(3000);
});

test.each([
  ['NODE_ENV', 'prod'],
  ['NODE_ENV', 'Production'],
  ['PORT', '-1'],
  ['PORT', '65536'],
  ['PORT', '3e3'],
  ['PORT', '0x10'],
  ['PORT', ' 80'],
  ['PORT', '80.5'],
  ['HOST', 'http://localhost'],
  ['HOST', 'localhost:3000'],
  ['HOST', 'a b'],
  ['FRONTEND_URL', 'gateway.example.com'],
  ['FRONTEND_URL', 'ftp://gateway.example.com'],
  ['FRONTEND_URL', 'https://ann:pw@gateway.example.com'],
  ['FRONTEND_URL', 'https://gateway.example.com/app'],
  ['FRONTEND_URL', 'https://gateway.example.com/?x=1'],
  ['FRONTEND_URL', 'https://gateway.example.com/#x'],
  ['LOG_LEVEL', 'verbose'],
  ['LOG_LEVEL', 'INFO'],
  ['MAIN_DB_TYPE', 'postgres'],
  ['KEY_PROVIDER', 'file'],
  ['RATE_LIMIT_MCP_RPM', '0'],
  ['RATE_LIMIT_MCP_RPM', 'unlimited'],
  ['REQUEST_TIMEOUT_SECONDS', '0'],
  ['REQUEST_TIMEOUT_SECONDS', '86401'],
  ['BODY_BYTES_MAX', '4MiB'],
  ['BODY_BYTES_MAX', '1'],
  ['MCP_DEV_SKIP_AUTH', 'yes'],
])('%s=%s is refused with what it must be, and not repeated', (name, value) => {
  const { expected } = active[name as keyof typeof active];
  expect(refusal({ [name]: value })).toBe(`the configuration is refused:\n- ${name} must be ${expected} `);
});

test.each([
  ['127.0.0.1', true],
  ['127.9.9.9', true],
  ['localhost', true],
  ['LOCALHOST.', true],
  ['::1', true],
  ['[::1]', true],
  ['::ffff:127.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['128.0.0.1', false],
  ['127.0.0.1.example.com', false],
  ['localhost.example.com', false],
])('%s is loopback: %s', (host, loopback) => {
  expect(isLoopback(host)).toBe(loopback);
});

const contradictory: [string, Record<string, string>, string][] = [
  [
    'dynamodb without a region',
    { MAIN_DB_TYPE: 'dynamodb' },
    'MAIN_DB_TYPE=dynamodb needs DYNAMODB_REGION or AWS_REGION',
  ],
  [
    'dynamodb in clear over the network',
    { MAIN_DB_TYPE: 'dynamodb', AWS_REGION: 'eu-central-1', DYNAMODB_ENDPOINT: 'http://db.example:8000' },
    'DYNAMODB_ENDPOINT must be https unless it is on this machine',
  ],
  [
    'redis with sqlite',
    { ...several, MAIN_DB_TYPE: 'sqlite' },
    'REDIS_URL means several instances, and SQLite serves one: set MAIN_DB_TYPE=dynamodb',
  ],
  ['redis without an address for the others', { ...several, ADVERTISE_URL: '' }, 'set ADVERTISE_URL'],
  [
    'redis in clear over the network',
    { ...several, REDIS_URL: 'redis://cache.example.com:6379' },
    'REDIS_URL must be rediss:// unless Redis is on this machine',
  ],
  [
    'an address of redis that is none',
    { ...several, REDIS_URL: 'cache:6379' },
    'REDIS_URL must be an address',
  ],
  [
    'skipped sign-in, open host',
    { MCP_DEV_SKIP_AUTH: 'true', HOST: '0.0.0.0' },
    'MCP_DEV_SKIP_AUTH=true is refused on a HOST',
  ],
  [
    'skipped sign-in in production',
    { ...production, MCP_DEV_SKIP_AUTH: 'true' },
    'MCP_DEV_SKIP_AUTH=true is refused in production',
  ],
  ['no AUTH_SECRET', { NODE_ENV: 'production' }, 'AUTH_SECRET is required in production'],
  [
    'short AUTH_SECRET',
    { NODE_ENV: 'production', AUTH_SECRET: random64.slice(1) },
    'AUTH_SECRET must have at least 64',
  ],
  ['63 emoji', { NODE_ENV: 'production', AUTH_SECRET: '🔑'.repeat(63) }, 'AUTH_SECRET must have at least 64'],
  ['lazy AUTH_SECRET', { NODE_ENV: 'production', AUTH_SECRET: 'a'.repeat(64) }, 'AUTH_SECRET must be random'],
  [
    'public http',
    { ...production, FRONTEND_URL: 'http://g.example.com' },
    'FRONTEND_URL must be https in production',
  ],
  [
    'open host, http',
    { ...production, HOST: '0.0.0.0', FRONTEND_URL: 'http://localhost:3000' },
    'FRONTEND_URL must be https',
  ],
];
test.each(contradictory)('refused: %s', (_, env, expected) => {
  expect(refusal(env)).toContain(expected);
});

const accepted: [string, Record<string, string>][] = [
  ['production on loopback', production],
  ['production, local http', { ...production, FRONTEND_URL: 'http://localhost:3000' }],
  ['production behind TLS', { ...production, HOST: '0.0.0.0', FRONTEND_URL: 'https://g.example.com' }],
  ['development, short AUTH_SECRET', { AUTH_SECRET: 'short' }],
  ['development, open host, http', { HOST: '0.0.0.0', FRONTEND_URL: 'http://box.lan:3000' }],
];
test.each(accepted)('accepted without a warning: %s', (_, env) => {
  expect(initConfig({ env, cwd: folder() }).warnings).toEqual([]);
});

test('a DynamoDB is read with its region, prefix and address', () => {
  const given = {
    MAIN_DB_TYPE: 'dynamodb',
    AWS_REGION: 'us-east-1',
    DYNAMODB_REGION: 'eu-central-1',
    DYNAMODB_TABLE_PREFIX: 'sealgate-',
    DYNAMODB_ENDPOINT: 'http://127.0.0.1:8000/',
  };
  expect(initConfig({ env: given, cwd: folder() }).database).toEqual({
    type: 'dynamodb',
    region: 'eu-central-1',
    tablePrefix: 'sealgate-',
    endpoint: 'http://127.0.0.1:8000',
  });
  const { database } = initConfig({
    env: { MAIN_DB_TYPE: 'dynamodb', AWS_REGION: 'us-gov-west-1' },
    cwd: folder(),
  });
  expect(database).toEqual({
    type: 'dynamodb',
    region: 'us-gov-west-1',
    tablePrefix: '',
    endpoint: undefined,
  });
});

test.each([
  ['DYNAMODB_REGION', 'Frankfurt'],
  ['DYNAMODB_TABLE_PREFIX', 'a/b'],
  ['DYNAMODB_ENDPOINT', 'http://user:pass@127.0.0.1:8000'],
])('%s=%s is refused', (name, value) => {
  expect(refusal({ MAIN_DB_TYPE: 'dynamodb', AWS_REGION: 'eu-central-1', [name]: value })).toContain(
    `${name} must be`,
  );
});

test('an S3 is read with its bucket, region, address and key', () => {
  const given = {
    STORAGE_TYPE: 's3',
    STORAGE_BUCKET: 'blobs.example',
    AWS_REGION: 'us-east-1',
    STORAGE_REGION: 'eu-central-1',
    STORAGE_ENDPOINT: 'https://s3.example.com/',
    STORAGE_KMS_KEY_ID: 'arn:aws:kms:eu-central-1:1:key/k-1',
  };
  expect(initConfig({ env: given, cwd: folder() }).storage).toEqual({
    type: 's3',
    bucket: 'blobs.example',
    region: 'eu-central-1',
    endpoint: 'https://s3.example.com',
    kmsKeyId: 'arn:aws:kms:eu-central-1:1:key/k-1',
  });
});

test.each([
  [{}, 'STORAGE_TYPE=s3 needs STORAGE_BUCKET'],
  [{ STORAGE_BUCKET: 'Blobs' }, 'STORAGE_BUCKET must be'],
  [{ STORAGE_BUCKET: 'blobs' }, 'STORAGE_TYPE=s3 needs STORAGE_REGION'],
  [{ STORAGE_BUCKET: 'blobs', STORAGE_ENDPOINT: 'http://10.0.0.1' }, 'STORAGE_ENDPOINT must be https'],
  [{ STORAGE_KMS_KEY_ID: 'a b' }, 'STORAGE_KMS_KEY_ID must be'],
])('S3 with %j is refused', (env, said) => {
  expect(refusal({ STORAGE_TYPE: 's3', ...env })).toContain(said);
});

test('an open host without a public origin is accepted with a warning', () => {
  const { warnings } = initConfig({ env: { HOST: '::' }, cwd: folder() });
  expect(warnings).toEqual([expect.stringContaining('FRONTEND_URL is not set')]);
});

test('every problem is in the one refusal', () => {
  const message = refusal({
    NODE_ENV: 'production',
    PORT: 'x',
    KEY_PROVIDER: 'kms',
    SEALGATE_PROT: '1',
    MAIN_DB_TYPE: 'dynamodb',
  });
  for (const part of [
    'SEALGATE_PROT',
    'PORT must be',
    'AUTH_SECRET is required',
    'dynamodb',
    'KEY_PROVIDER=kms',
  ])
    expect(message).toContain(part);
  expect(message.split('\n- ')).toHaveLength(6);
});

test('no problem, warning, print or serialisation holds the value of a secret', () => {
  const canary = 'canary-5d41402abc4b2a76b9719d911017c592';
  const names = [
    'AUTH_SECRET',
    'TOKEN_ENCRYPTION_KEY',
    'TOKEN_ENCRYPTION_PASSPHRASE',
    'MCP_KMS_KEY',
    'REDIS_URL',
    'VAULT_TOKEN',
  ];
  const all = Object.fromEntries(names.map((name) => [name, `${name}-${canary}`]));
  expect(
    refusal({
      ...all,
      AUTH_SECRET_FILE: `/${canary}`,
      TOKEN_ENCRYPTION_KEYS: canary,
      NODE_ENV: canary,
      PORT: canary,
    }),
  ).not.toContain(canary);
  const env = {
    AUTH_SECRET: canary,
    KEY_PROVIDER: 'env',
    TOKEN_ENCRYPTION_KEY: `k${canary}`,
    MCP_KMS_KEY: `m${canary}`,
    SMTP_URL: `smtp://gate:${canary}@localhost`,
    MAIL_FROM: 'gate@localhost',
  };
  const config = initConfig({ env, cwd: folder() });
  expect(inspect(config, { depth: 9, showHidden: true }) + JSON.stringify(config)).not.toContain(canary);
  expect(config.secrets.map((secret) => [secret.name, secret.reveal()])).toEqual([
    ['AUTH_SECRET', canary],
    ['TOKEN_ENCRYPTION_KEY', `k${canary}`],
    ['MCP_KMS_KEY', `m${canary}`],
    ['SMTP_URL', `smtp://gate:${canary}@localhost`],
  ]);
});

test('`.env` fills what the environment leaves open, and production refuses one that others can read', () => {
  const cwd = folder({
    '.env': `PORT=4000\nLOG_LEVEL="warn" # loud enough\nNODE_ENV=production\nAUTH_SECRET=${random64}\n`,
  });
  expect(initConfig({ env: { LOG_LEVEL: 'error', PORT: '' }, cwd })).toMatchObject({
    port: 4000,
    logLevel: 'error',
  });
  for (const mode of [0o640, 0o604, 0o620, 0o602]) {
    chmodSync(join(cwd, '.env'), mode);
    expect(() => initConfig({ env: {}, cwd })).toThrow(
      /\.env can be read or changed by others: run chmod 600/,
    );
  }
  expect(initConfig({ env: { NODE_ENV: 'development' }, cwd }).port).toBe(4000);
});

test('without the web there is no sign-in in a browser', () => {
  expect(initConfig({ env: { ENABLE_WEBUI: 'false' }, cwd: folder() }).signIn).toBeUndefined();
});

test('mail needs a server and a sender, and its password is a secret', () => {
  const SMTP_URL = 'smtps://gate:hunter2@mail.example.com:465';
  expect(refusal({ SMTP_URL })).toContain('MAIL_FROM');
  expect(refusal({ MAIL_FROM: 'gate@example.com' })).toContain('SMTP_URL');
  const config = initConfig({ env: { SMTP_URL, MAIL_FROM: 'Sealgate <gate@example.com>' }, cwd: folder() });
  expect(config.signIn?.mail?.smtpUrl.reveal()).toBe(SMTP_URL);
  expect(inspect(config, { depth: 9 })).not.toContain('hunter2');
});

test.each([
  { SMTP_URL: 'http://mail.example.com', MAIL_FROM: 'gate@example.com' },
  { SMTP_URL: 'smtp://', MAIL_FROM: 'gate@example.com' },
  { SMTP_URL: 'smtp://mail.example.com/?tls.rejectUnauthorized=false', MAIL_FROM: 'gate@example.com' },
  { SMTP_URL: 'smtp://mail.example.com', MAIL_FROM: 'gate' },
  { SMTP_URL: 'smtp://mail.example.com', MAIL_FROM: 'a@example.com, b@example.com' },
  { SMTP_URL: 'smtp://mail.example.com', MAIL_FROM: 'gate@example.com\r\nBcc: all@example.com' },
])('mail settings that say something else are refused: %o', (env) => {
  expect(refusal(env)).toMatch(/SMTP_URL|MAIL_FROM/);
});

test('the token for a published log is read alone, from the environment or a file', () => {
  const cwd = folder();
  writeFileSync(join(cwd, 'token'), 'from-a-file\n');
  expect(readAuditToken({ env: {}, cwd })).toBeUndefined();
  expect(readAuditToken({ env: { SEALGATE_AUDIT_TOKEN: 'given', PORT: 'wrong' }, cwd })).toBe('given');
  expect(readAuditToken({ env: { SEALGATE_AUDIT_TOKEN_FILE: 'token' }, cwd })).toBe('from-a-file');
  expect(() => readAuditToken({ env: { SEALGATE_AUDIT_TOKEN_FILE: 'none' }, cwd })).toThrow(/is not there/);
});
