import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readBanner } from './start.ts';

// The README is run, command by command, in a copy of the project, as a reader would run it after a clone. The packages
// are copied along, so that `npm install` needs no network; it still links the workspaces and runs its scripts.

const root = fileURLToPath(new URL('../', import.meta.url));

/** The commands of every block that is marked `sh`, in order. */
function commandsOf(markdown: string): readonly string[] {
  const blocks = [...markdown.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block]) => block ?? '');
  return blocks
    .flatMap((block) => block.split('\n'))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
}

let copy: string;
const running: ChildProcess[] = [];

// The reader's own PATH: nothing of this checkout, so that the versions are those that the copy brings.
function environment(): Record<string, string> {
  const path = (process.env['PATH'] ?? '').split(':').filter((folder) => !folder.includes('node_modules'));
  return {
    PATH: path.join(':'),
    HOME: copy,
    PORT: '0',
    DOCS_API_KEY: 'a-key-of-the-reader',
    npm_config_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
  };
}

async function run(command: string): Promise<{ code: number | null; said: string }> {
  const child = spawn('sh', ['-c', command], {
    cwd: copy,
    env: environment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  running.push(child);
  let said = '';
  const heard = (chunk: Buffer): void => void (said += chunk.toString());
  child.stdout.on('data', heard);
  child.stderr.on('data', heard);
  const exited = once(child, 'close').then(([code]) => code as number | null);
  if (command !== 'npm start') return { code: await exited, said };
  const up = new Promise<number>((resolve) => {
    child.stdout.on('data', () => readBanner(said) !== undefined && resolve(0));
  });
  return { code: await Promise.race([up, exited.then((code) => code ?? 1)]), said };
}

// Hard links where the system's `cp` knows them: npm replaces files and never writes into one.
async function copyPackages(): Promise<void> {
  const child = spawn('cp', ['-al', join(root, 'node_modules'), copy], { stdio: 'ignore' });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  const to = join(copy, 'node_modules');
  await rm(to, { recursive: true, force: true });
  await cp(join(root, 'node_modules'), to, { recursive: true, verbatimSymlinks: true });
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), 'sealgate-readme-'));
  const left = new Set([
    '.git',
    '.env',
    'data',
    'node_modules',
    'checks/node_modules',
    '.cache',
    'bench/results',
  ]);
  const filter = (path: string): boolean =>
    !left.has(relative(root, path)) && !/packages\/[a-z]+\/dist$/.test(path);
  await cp(root, copy, { recursive: true, verbatimSymlinks: true, filter });
  await copyPackages();
}, 120_000);

afterAll(async () => {
  for (const child of running) {
    if (child.exitCode !== null || child.pid === undefined) continue;
    const exited = once(child, 'close');
    process.kill(-child.pid, 'SIGTERM');
    await exited;
  }
  await rm(copy, { recursive: true, force: true });
});

describe('every command of the README', () => {
  it('works in a fresh copy, in order', async () => {
    const commands = commandsOf(await readFile(join(root, 'README.md'), 'utf8'));
    expect(commands).toContain('npm start');
    const results: Record<string, unknown> = {};
    for (const command of commands) {
      const { code, said } = await run(command);
      results[command] = code === 0 ? 'works' : { code, said: said.slice(-2000) };
    }
    expect(results).toEqual(Object.fromEntries(commands.map((command) => [command, 'works'])));
  }, 180_000);

  it('is found, and nothing else is', () => {
    const markdown = '# A\n```sh\nnpm install\n\n# why\nls | wc\n```\n```\nnot this\n```\n```json\n{}\n```\n';
    expect(commandsOf(markdown)).toEqual(['npm install', 'ls | wc']);
  });
});
