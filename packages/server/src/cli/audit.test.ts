import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Entry } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initConfig, startServer, type AppConfig } from '../main.ts';
import { productOf, quiet, runLine, type Said } from './fixtures/command-line.ts';
import type { Product } from './context.ts';
import { runCommand } from './program.ts';

// Each command opens the whole product; a busy machine takes its time.
const patience = { timeout: 20_000 };
let dataDir: string;
const closers: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sealgate-cli-audit-'));
});
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
  await rm(dataDir, { recursive: true });
});

const secret = randomBytes(48).toString('base64url');
const config = (): AppConfig =>
  initConfig({
    env: { DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'production', AUTH_SECRET: secret },
    cwd: dataDir,
  });
const run = (argv: readonly string[], changed: Partial<Product> = {}): Promise<Said> =>
  runLine(productOf(config, changed), argv, { cwd: dataDir });
const audit = (...argv: readonly string[]): Promise<Said> => run(['audit', ...argv]);
const entriesIn = (text: string): readonly Entry[] => JSON.parse(text) as readonly Entry[];

async function addTwo(): Promise<void> {
  for (const name of ['docs', 'docs', 'shop'])
    await run(['upstreams', 'add', name, '--url', `https://${name}.example/mcp`, '--credential', 'bearer']);
  await outcomesStand();
}

// They are written a moment after the act.
const outcomesStand = () =>
  expect
    .poll(async () => (await audit('list', '--source', 'cli', '--outcome', 'none')).stdout, patience)
    .not.toMatch(/(upstream|connection)\./);

describe.each(['the running gateway', 'the data directory itself'])(
  'over %s',
  { timeout: 60_000 },
  (over) => {
    beforeEach(async () => {
      if (over === 'the running gateway')
        closers.push((await startServer(config(), quiet, () => undefined)).close);
      await addTwo();
    });

    test('the log is listed as it is asked for, attempts beside their outcomes', async () => {
      const [head, line, ...others] = (
        await audit('list', '--act', 'upstream.add', '--outcome', 'success')
      ).stdout
        .trimEnd()
        .split('\n');
      expect(head).toMatch(/^TIME +ACT +OBJECT/);
      expect(line).toMatch(/upstream\.add +upstream:.*\/shop .* cli +success/);
      expect(others).toHaveLength(1);
      const both = entriesIn((await audit('list', '--service', 'shop', '--json')).stdout);
      expect(both.map(({ act, out }) => act ?? out)).toEqual(['success', 'upstream.add']);
      expect(both[0]?.cause).toBe(both[1]?.id);
      const narrow = [
        ['--outcome', 'failure', '--status', 'upstream_exists'],
        ['--service', 'docs', '--source', 'cli', '--outcome', 'failure'],
      ];
      for (const options of narrow) {
        const found = entriesIn((await audit('list', '--json', ...options)).stdout);
        expect(found.filter(({ act }) => act).map(({ act, svc }) => [act, svc])).toEqual([
          ['upstream.add', 'docs'],
        ]);
      }
      const corr = both[0]?.corr ?? '';
      for (const option of ['--request', '--correlation'])
        expect(entriesIn((await audit('list', option, corr, '--json')).stdout)).toEqual(both);
      expect((await audit('list', '--until', '2020-01-01')).stdout).toBe('No entry.\n');
    });

    test('one call is shown, calls are counted and searched', async () => {
      const [outcome] = entriesIn((await audit('list', '--service', 'shop', '--json')).stdout);
      for (const either of [outcome?.cause ?? '', outcome?.id ?? '']) {
        const shown = await audit('show', either);
        expect(shown.stdout).toMatch(/^attempt +\S+\ntime .*\nact +upstream\.add\n[^]*\noutcome +success\n/);
      }
      expect(await audit('show', 'nothing')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('(not_found)') as string,
      });
      const stats = (await audit('stats', '--act', 'upstream.add', '--zone', 'Asia/Kathmandu')).stdout;
      expect(stats).toMatch(/^acts +upstream\.add +3$/m);
      expect(stats).toMatch(/^outcomes +failure +1$/m);
      expect((await audit('stats', '--zone', 'Mars/Olympus')).code).toBe(1);
      expect((await audit('search', 'DOCS')).stdout).toMatch(/upstream\.add +upstream:.*\/docs/);
      expect((await audit('search', 'docs', '--act', 'tool.call')).stdout).toBe('No entry.\n');
      expect((await audit('list', '--act', 'audit.read')).stdout).toMatch(/audit\.read +log:\S+ .*success/);
    });

    test('accesses are reported as a table, as JSON and as CSV', async () => {
      await runLine(productOf(config), ['connections', 'set', 'docs'], {
        cwd: dataDir,
        stdin: 'a-secret-value',
      });
      await outcomesStand();
      const tenant = entriesIn((await audit('list', '--json')).stdout)[0]?.tenant ?? '';
      const report = (...argv: readonly string[]) => audit('report', 'accesses', '--client', tenant, ...argv);
      expect((await report()).stdout).toMatch(/^TIME +CLIENT[^]*connection\.set +success/);
      const [row] = JSON.parse((await report('--format', 'json')).stdout) as { act: string }[];
      expect(row?.act).toBe('connection.set');
      expect((await report('--format', 'csv')).stdout).toMatch(/^"time","client",.*\r\n.*"connection\.set"/);
      expect((await report('--days', '0')).stdout).toBe('No access.\n');
      const other = await audit('report', 'accesses', '--client', 'nobody', '--format', 'json');
      expect(other.stdout).toBe('[]\n');
      expect((await audit('report', 'services')).stdout).toMatch(/^docs +1 +0 +1 /m);
      expect((await audit('report', 'failures')).stdout).toBe('No access.\n');
    });

    test('an export is a new file for its owner alone, whole or not there', async () => {
      const file = join(dataDir, 'out.jsonl');
      const done = await audit(
        'export',
        '--format',
        'jsonl',
        '--out',
        'out.jsonl',
        '--act',
        'upstream.add',
        '--outcome',
        'success',
      );
      expect(done).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(
          /^Wrote .*out\.jsonl \(\d+ bytes\), and beside it what proves it \(4 entries\)\n$/,
        ),
      });
      expect((await stat(`${file}.proof`)).mode & 0o777).toBe(0o700);
      expect(done.stderr).toMatch(/exporting: 100 %/);
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      expect(lines.map((line) => (JSON.parse(line) as Entry).act ?? 'outcome')).toEqual([
        'upstream.add',
        'outcome',
        'upstream.add',
        'outcome',
      ]);
      const { vkeys } = JSON.parse((await audit('checkpoint', '--json')).stdout) as { vkeys: string[] };
      const verified = () => audit('verify', 'out.jsonl', '--vkey', vkeys[0] ?? '', '--json');
      expect(JSON.parse((await verified()).stdout)).toMatchObject({
        state: 'ok',
        keys: 'given',
        lines: 4,
        entries: 4,
        whole: false,
      });
      const text = lines.join('\n');
      for (const [changed, code] of [
        [text.replace('/shop', '/shoq'), 1],
        [text.split('\n').slice(1).join('\n'), 2],
      ] as const) {
        await writeFile(file, `${changed}\n`);
        expect((await verified()).code).toBe(code);
      }
      await writeFile(file, `${text}\n`);
      const again = ['export', '--format', 'csv', '--out', file];
      expect(await audit(...again)).toMatchObject({ code: 2, stdout: '' });
      expect((await readFile(file, 'utf8')).trimEnd().split('\n')).toEqual(lines);
      const forced = JSON.parse((await audit(...again, '--force', '--json')).stdout) as { bytes: number };
      expect((await stat(file)).size).toBe(forced.bytes);
      expect(await readFile(file, 'utf8')).toMatch(/^"time","id"/);
      await audit('export', '--format', 'ocsf', '--out', join(dataDir, 'ocsf'));
      expect(await readFile(join(dataDir, 'ocsf'), 'utf8')).toContain('"version":"1.8.0"');
      expect((await readdir(dataDir)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
      expect(await audit('verify', 'ocsf')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^Ok: [^]*Asked for: everything[^]*Keys: NOT compared/),
      });
      await audit('export', '--format', 'ocsf', '--out', 'ocsf', '--force', '--no-proof');
      expect((await readdir(dataDir)).filter((name) => name.startsWith('ocsf'))).toEqual(['ocsf']);
      expect(await audit('verify', 'ocsf')).toMatchObject({ code: 3 });
      expect(
        (await audit('list', '--act', 'audit.export', '--json')).stdout.match(/"audit\.export"/g),
      ).toHaveLength(4);
    });
  },
);

test.each([
  [['report', 'accesses']],
  [['report', 'everything']],
  [['report', 'hours', '--zone', 'Mars/Olympus']],
  [['report', 'hours', '--format', 'pdf']],
  [['list', '--outcome', 'perhaps']],
  [['list', '--tenant', '*', '--connection', 'docs#*#default']],
  [['export', '--format', 'jsonl']],
  [['export', '--out', 'x']],
  [['search', 'x']],
  [['list', '--slower', '-1']],
])('is refused with 2: audit %j', async (argv) => {
  expect(await audit(...argv)).toMatchObject({ code: 2, stdout: '' });
});

test('a query for CloudWatch is printed without any gateway and any data', async () => {
  const said = await audit('report', 'accesses', '--client', 'client-1', '--format', 'cloudwatch');
  expect(said).toMatchObject({ code: 0, stderr: '' });
  expect(said.stdout).toContain('| filter requestParameters.encryptionContext.client_id = "client-1"\n');
  expect(await readdir(dataDir)).toEqual([]);
});

test('a tail needs a gateway, shows what happens, and ends when it is interrupted', async () => {
  expect((await audit('tail')).code).toBe(3);
  closers.push((await startServer(config(), quiet, () => undefined)).close);
  let interrupt = (): void => undefined;
  const interrupted = () => new Promise<void>((resolve) => (interrupt = resolve));
  let said = '';
  const stdout = new PassThrough().setEncoding('utf8').on('data', (text: string) => (said += text));
  const terminal = { stdin: new PassThrough(), stdout, stderr: new PassThrough(), cwd: dataDir };
  const argv = ['audit', 'tail', '--json', '--act', 'upstream.add'];
  const tail = runCommand(argv, terminal, productOf(config, { interrupted }));
  await expect
    .poll(async () => (await audit('list', '--act', 'audit.read', '--outcome', 'none')).stdout, patience)
    .toContain('audit.read');
  await addTwo();
  const seen = (): string[] =>
    said
      .split('\n')
      .slice(0, -1)
      .map((line) => (JSON.parse(line) as Entry).svc ?? 'outcome');
  await expect.poll(seen, patience).toEqual(['docs', 'outcome', 'docs', 'outcome', 'shop', 'outcome']);
  interrupt();
  expect(await tail).toBe(0);
}, 60_000);

describe('an answer that comes piece by piece', () => {
  const answering = async (write: (response: ServerResponse) => void): Promise<Said> => {
    const server = createServer((request, response) => {
      request.resume();
      if (request.url === '/status') return void response.end('{}');
      response.writeHead(200, { 'content-type': 'application/x-ndjson' });
      write(response);
    });
    await new Promise<void>((resolve) => server.listen(join(dataDir, 'sealgate.sock'), resolve));
    closers.push(() => new Promise((resolve) => server.close(resolve)));
    const said = await audit('export', '--format', 'csv', '--out', 'out.csv');
    expect((await readdir(dataDir)).filter((name) => name.startsWith('out'))).toEqual([]);
    return said;
  };
  const piece = JSON.stringify({ piece: { text: 'a', reached: { entry: 1, of: 2 } } });

  test.each<[string, number, string, (response: ServerResponse) => void]>([
    ['without its last line', 3, 'gateway_unreachable', (response) => response.end(`${piece}\n`)],
    ['with half a last line', 3, 'gateway_unreachable', (response) => response.end(`${piece}\n{"ok":true}`)],
    ['with nothing', 3, 'gateway_unreachable', (response) => response.end()],
    [
      'cut off',
      3,
      'gateway_unreachable',
      (response) => response.write(`${piece}\n`, () => setTimeout(() => response.destroy(), 20)),
    ],
    [
      'with a refusal at its end',
      1,
      'journal_broken',
      (response) =>
        response.end(`${piece}\n{"ok":false,"error":{"code":"journal_broken","message":"damaged"}}\n`),
    ],
  ])('%s ends with %i, and leaves no file', async (_, code, refusal, write) => {
    const said = await answering(write);
    expect([said.code, said.stdout]).toEqual([code, '']);
    expect(said.stderr).toContain(`(${refusal})`);
  });
});

test('a file that is there is not replaced by an export that fails', async () => {
  await writeFile(join(dataDir, 'out.csv'), 'mine');
  closers.push((await startServer(config(), quiet, () => undefined)).close);
  const argv = [
    'export',
    '--format',
    'csv',
    '--out',
    'out.csv',
    '--force',
    '--tenant',
    '*',
    '--connection',
    'x',
  ];
  expect((await audit(...argv)).code).toBe(2);
  expect(await readFile(join(dataDir, 'out.csv'), 'utf8')).toBe('mine');
});
