import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { claimDirectory } from './data-directory.ts';

let parent: string;
let directory: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'claim-'));
  directory = join(parent, 'data');
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(parent, { recursive: true });
});

const code = (name: string) => expect.objectContaining({ code: name });

/** A process that claims the directory, says so, and stays. */
async function claimant() {
  const source = `
    import { claimDirectory } from ${JSON.stringify(new URL('./data-directory.ts', import.meta.url).href)};
    try { claimDirectory(${JSON.stringify(directory)}); console.log('claimed'); setInterval(() => {}, 1000); }
    catch (error) { console.log(error.code); }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const ended = once(child, 'exit');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  return { said: said.toString().trim(), child, ended };
}

it('a directory is made for its owner alone and claimed once', () => {
  const claimed = claimDirectory(directory);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(statSync(join(directory, 'lock.db')).mode & 0o777).toBe(0o600);
  expect(() => claimDirectory(directory)).toThrow(code('data_directory_in_use'));
  claimed.release();
  claimed.release();
  claimDirectory(directory).release();
});

it('of two processes the second is turned away, until the first is killed', async () => {
  const first = await claimant();
  expect(first.said).toBe('claimed');
  expect(() => claimDirectory(directory)).toThrow(code('data_directory_in_use'));
  const second = await claimant();
  expect(second.said).toBe('data_directory_in_use');
  await second.ended;
  first.child.kill('SIGKILL');
  await first.ended;
  const third = await claimant();
  expect(third.said).toBe('claimed');
  third.child.kill('SIGKILL');
  await third.ended;
  claimDirectory(directory).release();
});

it.each([0o755, 0o750, 0o770, 0o701, 0o1777])('a directory of mode %i is refused', (mode) => {
  claimDirectory(directory).release();
  chmodSync(directory, mode);
  expect(() => claimDirectory(directory)).toThrow(code('data_directory_unsafe'));
});

it('a directory of another user is refused', () => {
  // Whoever runs this: root gives a directory away, everybody else has one of root's at hand.
  const isRoot = process.getuid?.() === 0;
  claimDirectory(directory).release();
  if (isRoot) chownSync(directory, 12_345, 12_345);
  expect(() => claimDirectory(isRoot ? directory : '/')).toThrow(code('data_directory_unsafe'));
});

it('a file in the place of the directory is refused as such', () => {
  writeFileSync(directory, '', { mode: 0o600 });
  expect(() => claimDirectory(directory)).toThrow(code('store_unavailable'));
  expect(() => claimDirectory(join(directory, 'deeper'))).toThrow(code('store_unavailable'));
});
