import { randomBytes } from 'node:crypto';
import { mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { everythingStdio, filesystemStdio, memoryStdio, startEverything } from './fixtures/everything.ts';
import { startKeyed, type KeyedUpstream, type KeyPlace } from './fixtures/keyed.ts';
import type { Listening } from './fixtures/listen.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from './start.ts';

// Everything that stands on the stage when the walk begins: real upstreams, a started gateway that was told of them the
// way a person tells it, and a credential for each one that wants one.

/** A keyed upstream and how it is spoken of. */
export interface Keyed {
  readonly name: string;
  readonly place: KeyPlace;
  readonly secret: string;
  readonly upstream: KeyedUpstream;
}

/** The stage. */
export interface Stage {
  readonly gateway: Running;
  readonly everything: Listening;
  readonly sessions: ModernUpstream;
  readonly modernOnly: ModernUpstream;
  readonly keyed: readonly Keyed[];
  /** The credential of the stdio upstream `child-keyed`, in its `WALK_TOKEN`. */
  readonly childSecret: string;
  /** A folder that holds `a.txt`, and into which `files` may look. */
  readonly folder: string;
  /** Every secret in use, but not the gateway's own bearer. */
  readonly secrets: readonly string[];
  /** What every command printed. */
  readonly printed: readonly string[];
  close(): Promise<void>;
}

// Each with characters that a careless encoder breaks, where the place allows them.
const fresh = (ending = ''): string => `${randomBytes(18).toString('base64url')}${ending}`;
const places: readonly (readonly [string, KeyPlace, string, string])[] = [
  ['keyed-header', { in: 'header', name: 'X-Api-Key' }, 'header:X-Api-Key', fresh('/+=;x')],
  ['keyed-bearer', { in: 'bearer' }, 'bearer', fresh()],
  ['keyed-basic', { in: 'basic' }, 'basic', `walker:${fresh('ü:x')}`],
  ['keyed-query', { in: 'query', name: 'key' }, 'query:key', fresh('&b=/+% x')],
];

async function writeServersFile(dataDir: string, folder: string): Promise<void> {
  const mcpServers = {
    files: filesystemStdio(folder),
    memory: memoryStdio(join(folder, 'graph-through.jsonl')),
  };
  await writeFile(join(dataDir, 'mcp.json'), JSON.stringify({ mcpServers }), { mode: 0o600 });
}

type Tell = (args: readonly string[], stdin?: string) => Promise<void>;

async function addStdio(tell: Tell, childSecret: string): Promise<void> {
  const { command, args } = everythingStdio;
  await tell(['upstreams', 'add', 'child', '--command', command, '--', ...args]);
  await tell([
    'upstreams',
    'add',
    'child-keyed',
    '--command',
    command,
    '--credential',
    'env:WALK_TOKEN',
    '--',
    ...args,
  ]);
  await tell(['connections', 'set', 'child-keyed'], childSecret);
}

async function addKeyed(tell: Tell): Promise<readonly Keyed[]> {
  const keyed: Keyed[] = [];
  for (const [name, place, option, secret] of places) {
    const upstream = await startKeyed(place, secret);
    await tell(['upstreams', 'add', name, '--url', upstream.url, '--credential', option]);
    await tell(['connections', 'set', name], secret);
    keyed.push({ name, place, secret, upstream });
  }
  return keyed;
}

/** Set it up. @param env what the gateway is told beside */
export async function openStage(env: Readonly<Record<string, string>> = {}): Promise<Stage> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'sealgate-walk-')));
  await writeFile(join(folder, 'a.txt'), 'a text\n');
  const dataDir = await freshDataDir();
  await writeServersFile(dataDir, folder);
  const authSecret = fresh(fresh(fresh()));
  const gateway = await startSealgate({
    dataDir,
    env: { AUTH_SECRET: authSecret, RATE_LIMIT_MCP_RPM: '100000', LOG_LEVEL: 'debug', ...env },
  });
  const everything = await startEverything();
  const sessions = await startModern({ legacy: 'sessions' });
  const modernOnly = await startModern();
  const printed: string[] = [];
  const tell: Tell = async (args, stdin) => void printed.push(await done(dataDir, args, stdin));
  await tell(['upstreams', 'add', 'everything', '--url', everything.url]);
  await tell(['upstreams', 'add', 'modern', '--url', sessions.url]);
  await tell(['upstreams', 'add', 'modern-only', '--url', modernOnly.url]);
  const childSecret = fresh();
  await addStdio(tell, childSecret);
  const keyed = await addKeyed(tell);
  return {
    gateway,
    everything,
    sessions,
    modernOnly,
    keyed,
    childSecret,
    folder,
    secrets: [...keyed.map(({ secret }) => secret), childSecret, authSecret],
    printed,
    async close() {
      await gateway.stop();
      await Promise.all(
        [everything, sessions, modernOnly, ...keyed.map(({ upstream }) => upstream)].map((one) =>
          one.close(),
        ),
      );
      await removeDataDir(dataDir);
      await rm(folder, { recursive: true });
    },
  };
}
