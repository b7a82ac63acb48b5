import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as vault from '@sealgate/vault';
import * as dynamodb from '@sealgate/vault/dynamodb';
import * as kms from '@sealgate/vault/kms';
import * as redis from '@sealgate/vault/redis';
import { expect, it } from 'vitest';
import { configurationManual } from '../checks/manual.ts';
import { leaksUnder } from './leaks.ts';

// docs/coming-from.md names what takes the place of what others have. All of it has to be there, and its program is run.

const example = fileURLToPath(new URL('coming-from-example.ts', import.meta.url));
const read = (path: string) => readFile(new URL(`../${path}`, import.meta.url), 'utf8');
const page = await read('docs/coming-from.md');
const code = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, word = '']) => word);
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
  .map((line) => line.split('|').map((cell) => cell.trim()));

it('docs/coming-from.md is the example, block by block', async () => {
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  expect(blocks.join('\n')).toBe(await readFile(example, 'utf8'));
});

it('the program does what the page says, and leaves nothing in clear', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'coming-from-'));
  const data = join(folder, 'data');
  await promisify(execFile)('mkdir', ['-m', '700', data]);
  const command = ['--conditions=@sealgate/source', example, data];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    'a session has the parts: authTag encryptedData encryptedDataKey iv',
    'it holds: {"userId":"ada","cart":3}',
    'a token comes back: true',
    'tried: {"brought":3,"there":0,"refused":[]}',
    'brought: {"brought":3,"there":0,"refused":[]}',
    'once more: {"brought":0,"there":3,"refused":[]}',
  ]);
  const secrets = ['key-of-shop-north', 'key-of-shop-south', 'token-of-ada-0001'];
  expect(await leaksUnder(data, secrets)).toEqual([]);
  await rm(folder, { recursive: true });
});

it('every name that the page gives is exported', async () => {
  const exported = new Set([vault, dynamodb, kms, redis].flatMap((module) => Object.keys(module)));
  const types = await Promise.all(
    ['index', 'dynamodb', 'kms', 'redis'].map((each) => read(`packages/vault/src/${each}.ts`)),
  );
  const named = rows.flatMap((cells) => code(cells.slice(2).join(' ')));
  const names = named
    .map((word) => /^[A-Za-z]{2,}[A-Z]\w+/.exec(word)?.[0])
    .filter((word) => word !== undefined);
  const ours = names.filter((name) => !['dryRun', 'mcpServers'].includes(name) && !/^[A-Z_]+$/.test(name));
  expect(ours.length).toBeGreaterThan(10);
  const missing = ours.filter((name) => !exported.has(name) && !types.join('\n').includes(name));
  expect(missing).toEqual([]);
});

it('the names that are said to be kept are', () => {
  const kept = ['encryptSessionData', 'decryptSessionData', 'TokenEncryptionService', 'createSessionManager'];
  for (const name of kept) expect(page).toContain(`\`${name}\``);
  expect(Object.keys(vault)).toEqual(expect.arrayContaining(kept));
});

it('every variable is one of the configuration', () => {
  const variables = code(page).filter((word) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(word));
  const manual = configurationManual();
  const missing = variables.filter((name) => !manual.includes(`| \`${name}\` |`));
  expect(missing).toEqual([]);
  expect(new Set(variables).size).toBeGreaterThan(6);
});

it('every command is one of the command line', async () => {
  const cli = await read('docs/cli.md');
  const commands = code(page).filter((word) => word.startsWith('sealgate '));
  expect(commands.length).toBeGreaterThan(3);
  expect(commands.filter((command) => !cli.includes(command))).toEqual([]);
});
