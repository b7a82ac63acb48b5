import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { earlierTenantKey, sealGcmRow, TokenEncryptionService } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { initConfig, type AppConfig } from '../main.ts';
import { productOf, runLine } from './fixtures/command-line.ts';

let dataDir = '';
let file = '';

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sealgate-bring-'));
  file = join(dataDir, 'rows.ndjson');
  await run([
    'upstreams',
    'add',
    'orders',
    '--url',
    'https://orders.example/',
    '--credential',
    'header:Order-Key',
  ]);
});
afterEach(() => rm(dataDir, { recursive: true }));

const readConfig = (): AppConfig => initConfig({ env: { DATA_DIR: dataDir, PORT: '0' }, cwd: dataDir });
const run = (argv: readonly string[], stdin = '') =>
  runLine(productOf(readConfig), argv, { cwd: dataDir, stdin });

const secretOf = (name: string) => `key-of-the-shop-${name}-0001`;
const names = ['north', 'south', 'west'];
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

function columnsOf(name: string, key: Uint8Array): object {
  const { ciphertext, tag, nonce } = sealGcmRow(Buffer.from(secretOf(name)), key);
  return { name, ciphertext: text(ciphertext), tag: text(tag), nonce: text(nonce) };
}

/** The rows of one form, and their key. */
const forms = {
  columns() {
    const key = randomBytes(32);
    return { key: text(key), rows: names.map((name) => columnsOf(name, key)) };
  },
  shops() {
    const rootKey = text(randomBytes(32));
    const salts = names.map(() => randomBytes(32).toString('hex'));
    const rows = names.map((name, n) => {
      const salt = salts[n] ?? '';
      return { ...columnsOf(name, earlierTenantKey({ rootKey, salt })), salt };
    });
    return { key: rootKey, rows };
  },
  tokens() {
    const key = TokenEncryptionService.generateKey();
    const service = new TokenEncryptionService({ encryptionKey: key });
    return { key, rows: names.map((name) => ({ name, text: service.encrypt(secretOf(name)) })) };
  },
};

const write = (rows: readonly object[]) =>
  writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
const command = (form: string, ...more: readonly string[]) => [
  'connections',
  'bring',
  'orders',
  file,
  '--form',
  form,
  ...more,
];

async function listed(): Promise<readonly { readonly name: string; readonly owner: string }[]> {
  return JSON.parse((await run(['connections', 'list', '--json'])).stdout) as {
    name: string;
    owner: string;
  }[];
}

describe.each(['columns', 'shops', 'tokens'] as const)('rows of the form %s', (form) => {
  test('become connections, once, and nothing of them is printed or lies in clear', async () => {
    const { key, rows } = forms[form]();
    await write(rows);
    const dry = await run(command(form, '--group', '--dry-run'), `${key}\n`);
    expect(dry).toMatchObject({ code: 0, stdout: 'Would bring 3 credentials of orders\n' });
    expect(await listed()).toEqual([]);
    const brought = await run(command(form, '--group'), `${key}\n`);
    expect(brought).toMatchObject({ code: 0, stdout: 'Brought 3 credentials of orders\n' });
    expect((await listed()).map(({ name, owner }) => `${owner} ${name}`).toSorted()).toEqual([
      'group north',
      'group south',
      'group west',
    ]);
    const again = await run(command(form, '--group'), key);
    expect(again.stdout).toBe('Brought 0 credentials of orders, 3 were there\n');
    expect(JSON.stringify([dry, brought, again])).not.toContain(key.slice(0, 20));
    const entries = await run(['audit', 'list', '--act', 'connection.set', '--json']);
    for (const name of names) expect(entries.stdout).toContain(`orders#*#${name}`);
    for (const entry of await readdir(dataDir)) {
      const lying = await readFile(join(dataDir, entry), 'latin1').catch(() => '');
      for (const name of names) expect(lying).not.toContain(secretOf(name));
    }
  });

  test('that do not open are named, the others come, and the exit code says so', async () => {
    const { key, rows } = forms[form]();
    const damaged = rows.map((row, n) =>
      n === 1 ? { ...row, tag: text(randomBytes(16)), text: randomBytes(60).toString('base64url') } : row,
    );
    await write(damaged);
    const { code, stdout } = await run(command(form, '--json'), key);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      brought: 2,
      refused: [{ row: 'south', code: 'open_failed' }],
    });
    expect((await listed()).map(({ name }) => name).toSorted()).toEqual(['north', 'west']);
  });

  test('do not come with another key, a short one or none', async () => {
    await write(forms[form]().rows);
    const wrong = await run(command(form), text(randomBytes(32)));
    expect(wrong).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^Brought 0 .*\nnorth: .*open_failed/u),
    });
    expect(await run(command(form), text(randomBytes(16)))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('key_weak'),
    });
    expect((await run(command(form), '')).code).toBe(2);
    expect(await listed()).toEqual([]);
  });
});

test.each([
  ['no JSON', '{"name":"a","canary-of-a-line'],
  ['no row', '{"name":"a"}'],
  ['a number for a column', '{"name":"a","ciphertext":1,"tag":"","nonce":""}'],
])('a line that is %s is refused by its number, before anything is written', async (_, line) => {
  const { key, rows } = forms.columns();
  await writeFile(file, `${JSON.stringify(rows[0])}\n\n${line}\n`);
  const said = await run(command('columns'), key);
  expect(said).toMatchObject({ code: 2, stderr: expect.stringContaining('line 3 ') });
  expect(said.stderr).not.toContain('canary-of-a-line');
  expect(await listed()).toEqual([]);
});

test('the key is never an argument, and the upstream and the file have to be there', async () => {
  const { key, rows } = forms.tokens();
  await write(rows);
  expect((await run([...command('tokens'), `--key=${key}`])).code).toBe(2);
  const missing = await run(
    ['connections', 'bring', 'orders', join(dataDir, 'none'), '--form', 'tokens'],
    key,
  );
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('cannot be read') });
  const nobody = await run(['connections', 'bring', 'nobody', file, '--form', 'tokens'], key);
  expect(nobody).toMatchObject({ code: 1, stderr: expect.stringContaining('upstream_unknown') });
});
