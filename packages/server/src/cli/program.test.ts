import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { claimDirectory } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initConfig, startServer, type AppConfig } from '../main.ts';
import { productOf, quiet, runLine, type Said } from './fixtures/command-line.ts';
import type { Product } from './context.ts';

// The real product in this process: a data directory of its own, and a gateway on a free port where the test says so.

const secret = 'hunter2/hunter2+';
let dataDir: string;
const closers: (() => Promise<void>)[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sealgate-cli-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await rm(dataDir, { recursive: true });
});

function config(env: Record<string, string> = {}): AppConfig {
  return initConfig({
    env: {
      DATA_DIR: dataDir,
      PORT: '0',
      NODE_ENV: 'production',
      AUTH_SECRET: randomBytes(48).toString('base64url'),
      ...env,
    },
    cwd: dataDir,
  });
}

async function run(
  argv: readonly string[],
  { stdin = '', tty = false, changed = {} as Partial<Product> } = {},
): Promise<Said> {
  const said = await runLine(
    productOf(() => config(), changed),
    argv,
    { cwd: dataDir, stdin, tty },
  );
  expect(said.raw).toEqual(said.raw.length === 0 ? [] : [true, false]);
  return said;
}

async function startGateway(): Promise<void> {
  const server = await startServer(config(), quiet, () => undefined);
  closers.push(server.close);
}

const addDocs = [
  'upstreams',
  'add',
  'docs',
  '--url',
  'https://docs.example/mcp',
  '--credential',
  'header:X-Api-Key',
];

describe.each(['the running gateway', 'the data directory itself'])('over %s', (over) => {
  beforeEach(async () => {
    if (over === 'the running gateway') await startGateway();
  });

  test('an upstream gets its credential, is listed and goes', async () => {
    const added = await run(addDocs);
    expect(added).toMatchObject({
      code: 0,
      stdout: 'Added docs; it is served at /mcp/docs\nSet its credential: sealgate connections set docs\n',
    });
    expect((await run(['upstreams', 'list'])).stdout).toMatch(
      /docs +http +header:x-api-key +missing +admin +https:\/\/docs\.example\/mcp/,
    );
    const set = await run(['connections', 'set', 'docs'], { stdin: `${secret}\n` });
    expect(set).toMatchObject({ code: 0, stdout: 'Set the credential of docs (header:x-api-key)\n' });
    const listed = await run(['connections', 'list', '--json']);
    expect(JSON.parse(listed.stdout)).toMatchObject([
      { upstream: 'docs', owner: 'own', origin: 'https://docs.example' },
    ]);
    expect((await run(['upstreams', 'list'])).stdout).toMatch(/docs .* set /);
    const entries = await run(['audit', 'list']);
    expect(entries.stdout).toMatch(/connection\.set .*success[^]*upstream\.add .*success/);
    expect((await run(['audit', 'verify'])).stdout).toMatch(/^Intact/);
    expect((await run(['connections', 'remove', 'docs'])).stdout).toBe('Removed the credential of docs\n');
    expect((await run(['upstreams', 'remove', 'docs'])).code).toBe(0);
    expect((await run(['upstreams', 'list'])).stdout).toMatch(/^No upstream yet/);
    expect(JSON.stringify([added, set, listed, entries])).not.toContain(secret);
  });

  test('what is refused says why and changes nothing', async () => {
    await run(addDocs);
    expect(await run(addDocs)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/already.*\(upstream_exists\)/) as string,
    });
    expect(await run(['upstreams', 'remove', 'none'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('upstream_unknown') as string,
    });
    const leaky = await run([
      'upstreams',
      'add',
      'x',
      '--url',
      `https://me:${encodeURIComponent(secret)}@a.example/`,
    ]);
    expect(leaky).toMatchObject({ code: 1, stderr: expect.stringContaining('connections set x') as string });
    expect(leaky.stderr).not.toContain(encodeURIComponent(secret));
  });
});

describe('a secret', () => {
  beforeEach(async () => void (await run(addDocs)));

  test('is typed at a prompt that does not show it', async () => {
    const typed = `x\u007fwrong\u0015\u001b[200~${secret}\u001b[201~\r`;
    const said = await run(['connections', 'set', 'docs'], { stdin: typed, tty: true });
    expect(said).toMatchObject({ code: 0, stderr: 'Credential of docs (not shown): \n' });
    expect(said.stdout).not.toContain(secret);
  });

  test('is not set when the prompt is interrupted, or it is empty or too long', async () => {
    expect(await run(['connections', 'set', 'docs'], { stdin: `${secret}\u0003`, tty: true })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('interrupted') as string,
    });
    expect(await run(['connections', 'set', 'docs'], { stdin: '\n' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('empty') as string,
    });
    expect(await run(['connections', 'set', 'docs'], { stdin: 'x'.repeat(9000) })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('longer') as string,
    });
    expect((await run(['connections', 'list'])).stdout).toMatch(/^No credential yet/);
  });

  test.each([
    ['connections', 'set', 'docs', secret],
    ['connections', 'set', 'docs', '--secret', secret],
    ['connections', 'set', 'docs', `--secret=${secret}`],
    ['connections', 'set', 'docs', `--token=${secret}`],
    ['connections', 'set', '--name', 'a', 'docs', secret],
    ['upstreams', 'add', 'x', '--url', 'http://a/', `--api-key=${secret}`],
  ])('is refused as an argument, and not repeated: %s %s %s %s', async (...argv) => {
    const said = await run(argv);
    expect(said).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining('never an argument') as string,
    });
    expect(said.stderr).not.toContain(secret);
  });

  test('is not repeated with an option that there is not', async () => {
    const said = await run(['connections', 'set', 'docs', `--bearer=${secret}='x`]);
    expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining("'--bearer'") as string });
    expect(said.stderr).not.toContain(secret);
  });

  test('lies in no file as it is', async () => {
    await run(['connections', 'set', 'docs'], { stdin: secret });
    for (const name of await readdir(dataDir)) {
      const bytes = await readFile(join(dataDir, name)).catch(() => Buffer.alloc(0));
      expect([name, bytes.includes(secret), bytes.includes(Buffer.from(secret).toString('base64'))]).toEqual([
        name,
        false,
        false,
      ]);
    }
  });
});

describe('the command line', () => {
  test.each([
    [['upstreams', 'add']],
    [['nope']],
    [['upstreams', 'add', 'x']],
    [['upstreams', 'add', 'x', '--url', 'http://a/', '--command', 'b']],
    [['upstreams', 'add', 'x', '--url', 'http://a/', '--credential', 'digest']],
    [['upstreams', 'add', 'x', '--command', 'a', '--env', 'novalue']],
    [['upstreams', 'list', 'extra']],
    [['connections', 'set', 'x', '--in', 'cookie']],
    [['connections', 'set', 'x', '--in', 'env']],
    [['audit', 'list', '--limit', '0']],
    [['audit', 'list', '--since', 'yesterday']],
  ])('is refused with 2: %j', async (argv) => {
    const said = await run(argv, { stdin: secret });
    expect([said.code, said.stdout]).toEqual([2, '']);
    expect(said.stderr).not.toBe('');
  });

  test('says what it can do, with examples', async () => {
    for (const argv of [
      ['--help'],
      ['upstreams', 'add', '--help'],
      ['connections', 'set', '--help'],
      ['audit', 'list', '--help'],
    ])
      expect(await run(argv)).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('Examples:') as string,
        stderr: '',
      });
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: '1.2.3\n' });
  });

  test('passes arguments after -- to the command as they are', async () => {
    await run([
      'upstreams',
      'add',
      'files',
      '--command',
      'npx',
      '--env',
      'LOG_LEVEL=debug',
      '--env',
      'A=b=c',
      '--',
      '-y',
      'server',
      '--root',
      '/srv',
    ]);
    const [line] = JSON.parse((await run(['upstreams', 'list', '--json'])).stdout) as [{ target: string }];
    expect(line.target).toBe('npx -y server --root /srv');
  });

  test('every command and option stands in docs/cli.md', async () => {
    const page = await readFile(new URL('../../../../docs/cli.md', import.meta.url), 'utf8');
    for (const argv of [
      [],
      ['upstreams'],
      ['upstreams', 'add'],
      ['upstreams', 'list'],
      ['upstreams', 'remove'],
      ['connections', 'set'],
      ['connections', 'list'],
      ['connections', 'remove'],
      ['audit', 'list'],
      ['audit', 'show'],
      ['audit', 'stats'],
      ['audit', 'search'],
      ['audit', 'tail'],
      ['audit', 'report'],
      ['audit', 'export'],
      ['audit', 'verify'],
      ['keys', 'create'],
      ['keys', 'status'],
      ['keys', 'rotate'],
      ['keys', 'move'],
      ['keys', 'disable'],
      ['keys', 'enable'],
      ['policy', 'iam'],
      ['cost'],
      ['status'],
      ['doctor'],
      ['start'],
    ]) {
      const { stdout } = await run([...argv, '--help']);
      expect(page).toContain(['sealgate', ...argv].join(' '));
      for (const [option] of stdout.matchAll(/--[a-z-]+/g)) expect(page).toContain(option);
    }
  });
});

describe('a command and the gateway', () => {
  test('that does not run: status says so with 3, others work without', async () => {
    expect(await run(['status'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('gateway_unreachable') as string,
    });
    await startGateway();
    expect(await run(['status'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/0 upstreams, 0 child processes/) as string,
    });
  });

  test('whose directory is held by somebody who does not listen: 4', async () => {
    const held = claimDirectory(dataDir);
    closers.push(async () => held.release());
    expect(await run(['upstreams', 'list'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('data_directory_in_use') as string,
    });
  });

  test('that goes away before it answers: 3', async () => {
    const dying = createServer(
      (request, response) => void (request.url === '/status' ? response.end('{}') : request.destroy()),
    );
    await new Promise<void>((resolve) => dying.listen(join(dataDir, 'sealgate.sock'), resolve));
    closers.push(() => new Promise((resolve) => dying.close(() => resolve())));
    expect(await run(['upstreams', 'list'])).toMatchObject({
      code: 3,
      stderr: expect.stringContaining('went away') as string,
    });
  });

  test('doctor ends with 1 when something is broken, and every line says what to do', async () => {
    expect((await run(['doctor'])).code).toBe(0);
    await run(['upstreams', 'add', 'down', '--url', 'http://127.0.0.1:1/mcp']);
    const said = await run(['doctor']);
    expect(said.code).toBe(1);
    expect(said.stdout).toMatch(/fail {2}upstream down: .*\n {6}do: /);
    const findings = JSON.parse((await run(['doctor', '--json'])).stdout) as {
      check: string;
      state: string;
    }[];
    expect(findings.find(({ check }) => check === 'seal')?.state).toBe('ok');
  });

  test('a wrong configuration is said as it is, with 1', async () => {
    const readConfig = () => config({ PORT: 'many' });
    expect(await run(['upstreams', 'list'], { changed: { readConfig } })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/PORT[^]*config_invalid/) as string,
    });
  });
});
