import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SignedReceipt } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initConfig, openSealgate, startServer, type AppConfig } from '../main.ts';
import { productOf, quiet, runLine } from './fixtures/command-line.ts';

// The real product in this process, on a data directory with one more person in it.

const mail = 'ann@example.com';
let directory: string;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'keys-shred-'));
  const sealgate = await openSealgate(config(), quiet);
  await sealgate.ground.people.ensureByEmail(mail);
  await sealgate.close();
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await rm(directory, { recursive: true });
});

function config(): AppConfig {
  const AUTH_SECRET = randomBytes(48).toString('base64url');
  const env = { DATA_DIR: join(directory, 'data'), PORT: '0', NODE_ENV: 'production', AUTH_SECRET };
  return initConfig({ env, cwd: directory });
}

const run = (argv: readonly string[], typed?: string) =>
  runLine(productOf(config), argv, { cwd: directory, stdin: typed ?? '', tty: typed !== undefined });

const shred = ['keys', 'shred', '--person', mail];

describe.each(['a running gateway', 'no gateway'])('with %s', (over) => {
  beforeEach(async () => {
    if (over === 'no gateway') return;
    const server = await startServer(config(), quiet, () => undefined);
    closers.push(server.close);
  });

  test('somebody is shredded, and a stranger verifies the receipt', async () => {
    const done = await run([...shred, '--yes', '--receipt', 'ann.json']);
    expect(done).toMatchObject({ code: 0, stderr: expect.stringMatching(/--person [0-9a-f-]{36}\n$/) });
    expect(done.stdout).toMatch(
      /^Destroyed: \d+ tenant keys and \d+ data keys of the person [0-9a-f-]{36}\n/,
    );
    expect(done.stdout).toContain('copies of main.db');
    expect(done.stdout).not.toContain('example.com');
    const file = join(directory, 'ann.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const { receipt } = JSON.parse(await readFile(file, 'utf8')) as SignedReceipt;

    const key = await run(['keys', 'receipt', 'key']);
    expect(key.stdout).toMatch(/^-----BEGIN PUBLIC KEY-----\n/);
    await writeFile(join(directory, 'key.pem'), key.stdout);
    const verify = ['keys', 'receipt', 'verify', 'ann.json'];
    expect(await run(verify)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Genuine: .* in it/) });
    expect(await run([...verify, '--public-key', 'key.pem'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`the deployment ${receipt.deployment}`),
    });
    const shown = await run(['keys', 'receipt', 'show', '--person', receipt.of.id, '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ receipt });

    await writeFile(file, (await readFile(file, 'utf8')).replace(receipt.id, receipt.deployment));
    expect(await run(verify)).toMatchObject({ code: 1, stdout: expect.stringMatching(/^Not genuine: /) });
  });

  test('at a terminal the name is typed again, and another one changes nothing', async () => {
    const other = await run(shred, 'bob@example.com\n');
    expect(other).toMatchObject({ code: 2, stdout: '' });
    expect(other.stderr).toContain(`The person ${mail}`);
    expect(await run(shred, '')).toMatchObject({ code: 2, stdout: '' });
    const done = await run(shred, `${mail}\n`);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Destroyed: /) });
    expect(await run([...shred, '--yes'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not_found'),
    });
  });
});

test('without a terminal and --yes, or without saying who, nothing happens', async () => {
  for (const argv of [
    shred,
    ['keys', 'shred', '--yes'],
    ['keys', 'shred', '--yes', '--tenant', 'x', '--person', 'y'],
  ])
    expect(await run(argv)).toMatchObject({ code: 2, stdout: '' });
  expect(await run(shred, `${mail}\n`)).toMatchObject({ code: 0 });
});

test('a file that is there is not written over, and nothing happens', async () => {
  await writeFile(join(directory, 'ann.json'), 'mine');
  expect(await run([...shred, '--yes', '--receipt', 'ann.json'])).toMatchObject({ code: 2 });
  expect(await readFile(join(directory, 'ann.json'), 'utf8')).toBe('mine');
  expect(await run([...shred, '--yes'])).toMatchObject({ code: 0 });
});

test('the local administrator is not taken from under a gateway that runs', async () => {
  const server = await startServer(config(), quiet, () => undefined);
  closers.push(server.close);
  const { subject, tenant } = server.ground.administrator;
  expect(await run(['keys', 'shred', '--yes', '--person', subject])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('stop the gateway first'),
  });
  expect(await run(['keys', 'shred', '--yes', '--tenant', tenant])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`--person ${subject}`),
  });
});
