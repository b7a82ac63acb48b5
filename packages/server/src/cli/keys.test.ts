import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedTables, type KeyStatus } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initConfig, openSealgate, startServer, type AppConfig } from '../main.ts';
import { productOf, quiet, runLine } from './fixtures/command-line.ts';

// The real product in this process, on a data directory with one credential in it.

const secret = 'hunter2/hunter2+';
let directory: string;
let env: Record<string, string>;
let closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keys-'));
  env = {};
  await run(['upstreams', 'add', 'docs', '--url', 'https://docs.example/mcp', '--credential', 'bearer']);
  await run(['connections', 'set', 'docs'], secret);
});
afterEach(async () => {
  await stop();
  await rm(directory, { recursive: true });
});

function config(): AppConfig {
  const AUTH_SECRET = randomBytes(48).toString('base64url');
  const all = { DATA_DIR: join(directory, 'data'), PORT: '0', NODE_ENV: 'production', AUTH_SECRET, ...env };
  return initConfig({ env: all, cwd: directory });
}

async function start(): Promise<void> {
  closers.push((await startServer(config(), quiet, () => undefined)).close);
}

async function stop(): Promise<void> {
  for (const close of closers.splice(0)) await close();
  closers = [];
}

const run = (argv: readonly string[], stdin = '') =>
  runLine(productOf(config), argv, { cwd: directory, stdin });

const status = async () => JSON.parse((await run(['keys', 'status', '--json'])).stdout) as KeyStatus;

/** What a process finds that is started now, and the group it is in. */
async function found(): Promise<{ readonly credential: string; readonly tenant: string }> {
  const { ground, close } = await openSealgate(config(), quiet);
  try {
    const { tables, sealer, administrator } = ground;
    const sealed = sealedTables(tables, sealer);
    const { items } = await sealed.query('connections', { partition: administrator.tenant, limit: 10 });
    const credential = await sealed.openField('connections', items[0]!.item, 'credential');
    return { credential: credential.toString(), tenant: administrator.tenant };
  } finally {
    await close();
  }
}

describe.each(['a running gateway', 'no gateway'])('with %s', (over) => {
  test('root key, tenant keys and data keys are replaced, and everything opens', async () => {
    if (over === 'a running gateway') await start();
    const [before] = (await status()).holdings;
    const rotated = await run(['keys', 'rotate', '--root']);
    expect(rotated).toMatchObject({ code: 0, stdout: '2 changed, 2 looked at\n' });
    expect(rotated.stderr).toContain('wrapping keys anew');
    const { holdings, providers, unfinished } = await status();
    expect([holdings.length, providers[0]?.roots.length, unfinished]).toEqual([1, 2, []]);
    expect(holdings[0]?.keyRef).not.toBe(before?.keyRef);
    const ring = JSON.parse(await readFile(join(directory, 'data', 'keyring.json'), 'utf8')) as {
      readonly keys: readonly { readonly id: string }[];
    };
    expect(ring.keys.map(({ id }) => id)).toEqual([holdings[0]?.keyRef, before?.keyRef]);
    expect(await run(['keys', 'rotate', '--tenant-key'])).toMatchObject({ code: 0 });
    const sealed = await run(['keys', 'rotate', '--data-keys', '--suite', '2', '--json']);
    expect(JSON.parse(sealed.stdout)).toMatchObject({ failures: [], resumed: false });
    const text = (await run(['keys', 'status'])).stdout;
    expect(text).toMatch(/keyring +\S{22} +active +4\n[^]*Nothing lies under \S{22} of keyring/);
    const entries = (await run(['audit', 'list'])).stdout;
    expect(entries.match(/key\.rotate +keys:\* .*success/g)).toHaveLength(3);
    await stop();
    expect((await found()).credential).toBe(secret);
  });

  test('a group is disabled and enabled', async () => {
    const { tenant } = await found();
    if (over === 'a running gateway') await start();
    expect(await run(['keys', 'disable', '--tenant', tenant])).toMatchObject({
      code: 0,
      stdout: `Disabled ${tenant}\n`,
    });
    const refused = await run(['connections', 'set', 'docs'], 'another');
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('(key_disabled)') as string });
    expect((await run(['keys', 'status'])).stdout).toContain(`${tenant}: disabled`);
    expect((await run(['keys', 'enable', '--tenant', tenant])).code).toBe(0);
    expect((await run(['connections', 'set', 'docs'], secret)).code).toBe(0);
  });
});

test('everything moves from the keyring to another provider, and the keyring may go', async () => {
  env = { KEY_PROVIDER: 'env', TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  await start();
  const moved = await run(['keys', 'move', '--to', 'env']);
  expect(moved.stdout).toBe(
    '2 changed, 2 looked at\nBoth wraps are kept. Name env in KEY_PROVIDER, then: sealgate keys move --to env --settle\n',
  );
  expect(await status()).toMatchObject({ active: 'env', moving: 2 });
  expect((await run(['keys', 'move', '--to', 'env', '--settle'])).stdout).toBe('2 changed, 2 looked at\n');
  expect(await status()).toMatchObject({ moving: 0, holdings: [{ provider: 'env', rows: 2 }] });
  await stop();
  await rm(join(directory, 'data', 'keyring.json'));
  expect((await found()).credential).toBe(secret);
});

test('a keyring is made where all of the data is under another provider, and never in the place of a lost one', async () => {
  const key = { TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64') };
  env = { KEY_PROVIDER: 'env', ...key };
  await run(['keys', 'move', '--to', 'env']);
  await run(['keys', 'move', '--to', 'env', '--settle']);
  await rm(join(directory, 'data', 'keyring.json'));
  env = { KEY_PROVIDER: 'keyring', ...key };
  expect((await run(['keys', 'move', '--to', 'keyring'])).code).toBe(0);
  expect((await found()).credential).toBe(secret);
  await rm(join(directory, 'data', 'keyring.json'));
  await expect(found()).rejects.toMatchObject({
    code: 'key_unavailable',
    message: expect.stringContaining('keyring.json') as string,
  });
});

test.each([
  ['nothing to rotate', ['rotate'], 2, 'usage'],
  ['two at once', ['rotate', '--root', '--tenant-key'], 2, 'usage'],
  ['a suite of nothing', ['rotate', '--root', '--suite', '2'], 2, 'usage'],
  ['a group that nobody has', ['rotate', '--tenant-key', '--tenant', 'nobody'], 1, 'not_found'],
  ['a provider that is not set up', ['move', '--to', 'kms'], 1, 'key_unavailable'],
  ['the deployment itself', ['disable', '--tenant', '_system'], 1, 'item_invalid'],
])('%s is refused', async (_, argv, code, named) => {
  const said = await run(['keys', ...argv]);
  expect(said).toMatchObject({ code, stdout: '', stderr: expect.stringContaining(`(${named})`) as string });
});
