import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { leaksUnder } from './leaks.ts';

// docs/vault.md is a program. It is the one beside this test, and that one is run.

const example = fileURLToPath(new URL('vault-example.ts', import.meta.url));

it('docs/vault.md is the example, block by block', async () => {
  const page = await readFile(new URL('../docs/vault.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  expect(blocks.join('\n')).toBe(await readFile(example, 'utf8'));
});

it('the example does what it says, and leaves nothing in clear', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vault-example-'));
  const data = join(folder, 'data');
  const command = ['--conditions=@sealgate/source', example, data];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, command);
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual([
    'opens at its place: true',
    'elsewhere: open_failed',
    'session: {"cart":3}',
    'after the bar: undefined',
    'the answer: you sent ************',
    'journal: connection.set tool.call',
    'chain: intact',
    'the adapter keeps its promises',
  ]);
  const written = ['the safe is behind the picture', '{"cart":3}', 'cookie-of-alice', 'sk-live-0001'];
  expect(await leaksUnder(data, written)).toEqual([]);
  await rm(folder, { recursive: true });
});
