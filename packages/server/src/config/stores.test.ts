import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { initConfig } from '../config.ts';

// What production starts on, and what it is told to set otherwise. That SQLite and tables without a Redis serve one
// instance alone is kept by locks: see main/tables-claim.ts and the data directory.

const cwd = mkdtempSync(join(tmpdir(), 'stores-'));
const random64 = 'kJ8mX2qP9vR4tY7wZ1nB5cF3hL6dG0sAeUiOxVpQzWjMyTrNbKfHgDlSaCkEuIoP';
const production = { NODE_ENV: 'production', AUTH_SECRET: random64 };
const dynamodb = { ...production, MAIN_DB_TYPE: 'dynamodb', AWS_REGION: 'eu-central-1' };
const several = {
  ...dynamodb,
  REDIS_URL: 'rediss://cache.example.com',
  ADVERTISE_URL: 'http://10.0.0.5:3000',
  TOKEN_ENCRYPTION_KEY: 'k',
};

const started: [string, Record<string, string>][] = [
  ['one instance on SQLite', production],
  ['one instance on DynamoDB', dynamodb],
  ['several instances', several],
  [
    'several instances under a passphrase',
    { ...several, TOKEN_ENCRYPTION_KEY: '', TOKEN_ENCRYPTION_PASSPHRASE: 'p' },
  ],
  ['several instances under a master key', { ...several, TOKEN_ENCRYPTION_KEY: '', MCP_KMS_KEY: 'm' }],
  ['several instances with Redis on this machine', { ...several, REDIS_URL: 'redis://127.0.0.1' }],
  [
    'several instances with Redis in clear on a network of their own',
    { ...several, REDIS_URL: 'redis://10.0.0.9', REDIS_ALLOW_PLAINTEXT: 'true' },
  ],
];
test.each(started)('production starts: %s', (_, env) => {
  expect(initConfig({ env, cwd }).environment).toBe('production');
});

const refused: [string, Record<string, string>, string][] = [
  ['tables in memory', { ...production, MAIN_DB_TYPE: 'memory' }, 'MAIN_DB_TYPE must be sqlite or dynamodb'],
  [
    'tables in a plain file',
    { ...production, MAIN_DB_TYPE: 'file' },
    'MAIN_DB_TYPE must be sqlite or dynamodb',
  ],
  ['blobs in memory', { ...production, STORAGE_TYPE: 'memory' }, 'STORAGE_TYPE must be filesystem or s3'],
  [
    'credentials without a key',
    { ...production, KEY_PROVIDER: 'plaintext' },
    'KEY_PROVIDER must be keyring, env, passphrase, hkdf, kms or transit',
  ],
  [
    'several instances on SQLite, by their Redis',
    { ...several, MAIN_DB_TYPE: 'sqlite' },
    'REDIS_URL means several instances, and SQLite serves one: set MAIN_DB_TYPE=dynamodb, or leave REDIS_URL out',
  ],
  [
    'several instances on SQLite, by their address',
    { ...production, ADVERTISE_URL: 'http://10.0.0.5:3000' },
    'ADVERTISE_URL means several instances, and SQLite serves one: set MAIN_DB_TYPE=dynamodb, or leave ADVERTISE_URL out',
  ],
  [
    'several instances without Redis',
    { ...several, REDIS_URL: '' },
    'ADVERTISE_URL means several instances, and they need a Redis: set REDIS_URL, or leave ADVERTISE_URL out',
  ],
  [
    'several instances that cannot reach each other',
    { ...several, ADVERTISE_URL: '' },
    'set ADVERTISE_URL to where others reach this one',
  ],
  [
    'several instances, each with a root key of its own',
    { ...several, TOKEN_ENCRYPTION_KEY: '' },
    'set TOKEN_ENCRYPTION_KEY, TOKEN_ENCRYPTION_PASSPHRASE, MCP_KMS_KEY, KMS_KEY_ARN or VAULT_TRANSIT_KEY to the same on all',
  ],
  [
    'several instances without AUTH_SECRET',
    { ...several, AUTH_SECRET: '' },
    'AUTH_SECRET is required in production',
  ],
  [
    'several instances without AUTH_SECRET, while developing',
    { ...several, NODE_ENV: 'development', AUTH_SECRET: '' },
    'need AUTH_SECRET: set it to the same on all',
  ],
  [
    'Redis in clear over the network',
    { ...several, REDIS_URL: 'redis://cache.example.com' },
    'REDIS_URL must be rediss:// unless Redis is on this machine',
  ],
  [
    'DynamoDB in clear over the network',
    { ...dynamodb, DYNAMODB_ENDPOINT: 'http://db.example.com:8000' },
    'DYNAMODB_ENDPOINT must be https unless it is on this machine',
  ],
];
test.each(refused)('refused: %s', (_, env, message) => {
  expect(() => initConfig({ env, cwd })).toThrow(message);
});
