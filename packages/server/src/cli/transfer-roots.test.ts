import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedTables } from '@sealgate/vault';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initConfig, openSealgate, type AppConfig } from '../main.ts';
import { productOf, quiet, runLine } from './fixtures/command-line.ts';

// The real product in this process: data that lies under more than one root key is taken away and brought in elsewhere.

const secret = 'hunter2/hunter2+';
const key = { TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
let directory: string;
let at: string;
let env: Record<string, string>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'transfer-roots-'));
  at = 'home';
  env = {};
  await done(['upstreams', 'add', 'docs', '--url', 'https://docs.example/mcp', '--credential', 'bearer']);
  await done(['connections', 'set', 'docs'], secret);
});
afterEach(() => rm(directory, { recursive: true }));

const here = (...names: string[]): string => join(directory, at, ...names);

function config(): AppConfig {
  const AUTH_SECRET = randomBytes(48).toString('base64url');
  const all = { DATA_DIR: here(), PORT: '0', NODE_ENV: 'production', AUTH_SECRET, ...env };
  return initConfig({ env: all, cwd: directory });
}

const run = (argv: readonly string[], stdin = '') =>
  runLine(productOf(config), argv, { cwd: directory, stdin });

async function done(argv: readonly string[], stdin = ''): Promise<string> {
  const said = await run(argv, stdin);
  expect(said).toMatchObject({ code: 0 });
  return said.stdout;
}

async function credential(): Promise<string> {
  const { ground, close } = await openSealgate(config(), quiet);
  try {
    const { tables, sealer, administrator } = ground;
    const sealed = sealedTables(tables, sealer);
    const { items } = await sealed.query('connections', { partition: administrator.tenant, limit: 10 });
    return (await sealed.openField('connections', items[0]!.item, 'credential')).toString();
  } finally {
    await close();
  }
}

async function refusedFor(name: string): Promise<void> {
  const said = await run(['import', 'out']);
  expect(said).toMatchObject({ code: 1, stderr: expect.stringContaining('(key_unavailable)') as string });
  expect(said.stderr).toContain(name);
  expect((await readdir(here())).filter((file) => !/^(?:lock\.db|keyring\.json)/.test(file))).toEqual([]);
}

test('of a deployment whose own key lies under a root key that was active before', async () => {
  env = { KEY_PROVIDER: 'env', ...key };
  await done(['export', 'out']);
  at = 'target';
  await refusedFor('wrapped by keyring');
  expect(existsSync(here('keyring.json'))).toBe(false);
  await copyFile(join(directory, 'home', 'keyring.json'), here('keyring.json'));
  await done(['import', 'out']);
  expect(await credential()).toBe(secret);
});

test('in the middle of a move, to where only the new root key is', async () => {
  env = { KEY_PROVIDER: 'keyring', ...key };
  await done(['keys', 'move', '--to', 'env']);
  await done(['export', 'out']);
  at = 'other';
  env = { KEY_PROVIDER: 'hkdf', MCP_KMS_KEY: randomBytes(32).toString('base64') };
  await refusedFor('wrapped by env or keyring');
  at = 'target';
  env = { KEY_PROVIDER: 'env', ...key };
  await done(['import', 'out']);
  expect(await credential()).toBe(secret);
});

test('a keyring is made where new groups are to have one, and neither before nor in the export', async () => {
  env = { KEY_PROVIDER: 'env', ...key };
  await done(['keys', 'move', '--to', 'env']);
  await done(['keys', 'move', '--to', 'env', '--settle']);
  env = { KEY_PROVIDER: 'keyring', ...key };
  await done(['export', 'out']);
  at = 'target';
  await done(['import', 'out']);
  expect(existsSync(join(directory, 'out', 'keyring.json'))).toBe(false);
  expect(existsSync(here('keyring.json'))).toBe(true);
  expect(await credential()).toBe(secret);
});

test('a keyring that comes along in an export opens nothing where the root key is another', async () => {
  await done(['export', 'out', '--with-keyring']);
  at = 'target';
  env = { KEY_PROVIDER: 'env', ...key };
  await refusedFor('wrapped by keyring');
  env = {};
  await done(['import', 'out']);
  expect(await credential()).toBe(secret);
});
