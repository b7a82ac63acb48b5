import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from '../start.ts';
import { openBearerProxy, type BearerProxy } from './bearer-proxy.ts';
import { prefixMapping } from './prefix-mapping.ts';

// A gateway before conformant servers of each kind, and doors through which the suites get at it.

/** The stage. */
export interface ConformanceStage {
  readonly gateway: Running;
  /** Where the server with both eras is without the gateway. */
  readonly direct: string;
  /** An address that needs no token. */
  door(path: string): Promise<string>;
  /** The address for all upstreams of a gateway that has only one, with its names as the suite knows them. */
  all(): Promise<string>;
  close(): Promise<void>;
}

const fixture = fileURLToPath(new URL('../fixtures/conformance-server.ts', import.meta.url));

interface Process {
  readonly url: string;
  close(): Promise<void>;
}

async function startFixture(era: string): Promise<Process> {
  const child = spawn(process.execPath, [fixture, '--era', era], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const [line] = (await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), exited])) as [unknown];
  if (typeof line !== 'string') throw new Error(`the conformance fixture ended with ${String(line)}`);
  return {
    url: line.trim().replace('127.0.0.1', 'localhost'),
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** Build it up. */
export async function openConformanceStage(): Promise<ConformanceStage> {
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '100000' } });
  const eras = ['both', 'legacy', 'modern'] as const;
  const servers = await Promise.all(eras.map(startFixture));
  for (const [at, era] of eras.entries())
    await done(dataDir, ['upstreams', 'add', era, '--url', servers[at]?.url ?? '']);
  for (const [name, era] of [
    ['child', 'both'],
    ['child-modern', 'modern'],
  ] as const) {
    const command = ['--command', process.execPath, '--', fixture, '--stdio', '--era', era];
    await done(dataDir, ['upstreams', 'add', name, ...command]);
  }
  const doors: BearerProxy[] = [];
  // Begun when it is asked for.
  let single: Promise<BearerProxy> | undefined;
  return {
    gateway,
    direct: servers[0]?.url ?? '',
    async door(path) {
      const door = await openBearerProxy({ target: new URL(path, gateway.origin), bearer: gateway.bearer });
      doors.push(door);
      return door.url;
    },
    async all() {
      single ??= openSingle(servers[0]?.url ?? '');
      return (await single).url;
    },
    async close() {
      await (await single)?.close();
      await Promise.all(doors.map((door) => door.close()));
      await gateway.stop();
      await Promise.all(servers.map((server) => server.close()));
      await removeDataDir(dataDir);
    },
  };
}

async function openSingle(url: string): Promise<BearerProxy> {
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '100000' } });
  await done(dataDir, ['upstreams', 'add', 'one', '--url', url]);
  const target = new URL('/mcp', gateway.origin);
  const door = await openBearerProxy({ target, bearer: gateway.bearer, mapping: prefixMapping('one') });
  return {
    url: door.url,
    async close() {
      await door.close();
      await gateway.stop();
      await removeDataDir(dataDir);
    },
  };
}
