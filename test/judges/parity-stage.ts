import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { connectHttp, connectStdio, type Address, type Connected } from '../fixtures/clients.ts';
import type { Command } from '../fixtures/everything.ts';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';
import { done, freshDataDir, removeDataDir, startSealgate } from '../start.ts';
import { programFile } from './programs.ts';

// A gateway before public servers that are too heavy for the root install, and before the conformance fixture: the same
// ones that a client of their own reaches directly.

/** A server in both ways. */
export interface Pair {
  readonly name: string;
  readonly era: Connected['era'];
  direct(): Promise<Connected>;
  through(): Promise<Connected>;
}

/** The stage. */
export interface ParityStage {
  readonly pairs: ReadonlyMap<string, Pair>;
  close(): Promise<void>;
}

const fixture = fileURLToPath(new URL('../fixtures/conformance-server.ts', import.meta.url));
const node = (...args: string[]): Command => ({ command: process.execPath, args, env: {} });

const children: readonly (readonly [name: string, command: Command, era: Connected['era']])[] = [
  ['thinking', node(programFile('thinking')), 'legacy'],
  ['vanillajs', node(programFile('vanillajs'), '--stdio'), 'legacy'],
  ['monitor', node(programFile('monitor'), '--stdio'), 'legacy'],
  ['conformance', node(fixture, '--stdio', '--era', 'both'), 'modern'],
];
const servers: readonly (readonly [name: string, command: Command, eras: readonly Connected['era'][]])[] = [
  ['vanillajs-http', node(programFile('vanillajs')), ['legacy']],
  ['monitor-http', node(programFile('monitor')), ['legacy']],
  ['conformance-http', node(fixture, '--era', 'both'), ['legacy', 'modern']],
];

/** A server over HTTP as a process of its own, once it answers. */
async function startServer({ command, args }: Command) {
  const port = await freePort();
  const env = { PATH: process.env['PATH'], PORT: String(port) };
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(child, 'exit');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const close = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  for (let tries = 0; tries < 200; tries += 1) {
    // The fixture chooses a port of its own and prints it.
    const url = /http:\/\/127\.0\.0\.1:\d+\/mcp/.exec(said)?.[0] ?? `http://127.0.0.1:${port}/mcp`;
    const answers = await fetch(url, { method: 'DELETE' }).catch(() => undefined);
    await answers?.body?.cancel();
    if (answers !== undefined) return { url, close };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await close();
  throw new Error(`${args.join(' ')} does not answer: ${said}`);
}

/** Build it up. */
export async function openParityStage(): Promise<ParityStage> {
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '100000' } });
  const pairs = new Map<string, Pair>();
  const closers: (() => Promise<void>)[] = [];
  const pair = (name: string, era: Connected['era'], direct: () => Promise<Connected>): void => {
    const at: Address = gateway.upstream(name);
    pairs.set(`${name}, ${era} era`, { name, era, direct, through: () => connectHttp(at, era) });
  };
  for (const [name, command, era] of children) {
    await done(dataDir, ['upstreams', 'add', name, '--command', command.command, '--', ...command.args]);
    pair(name, era, () => connectStdio(command, era));
  }
  for (const [name, command, eras] of servers) {
    const { url, close } = await startServer(command);
    closers.push(close);
    await done(dataDir, ['upstreams', 'add', name, '--url', url]);
    for (const era of eras) pair(name, era, () => connectHttp({ url }, era));
  }
  return {
    pairs,
    async close() {
      await gateway.stop();
      for (const close of closers) await close();
      await removeDataDir(dataDir);
    },
  };
}
