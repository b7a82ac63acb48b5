import { fileURLToPath } from 'node:url';
import type { StdioUpstream, Upstream } from '../packages/server/src/domain/upstream.ts';
import { initConfig, openLog, startServer, type Server } from '../packages/server/src/main.ts';
import { upstreamObject } from '../packages/server/src/domain/upstreams.ts';
import { startCanaries } from './fixtures/canaries.ts';
import type { Address } from './fixtures/clients.ts';
import { callback, obtainToken } from './fixtures/sign-in.ts';
import { openBrowser } from './judges/browser.ts';
import { freshDataDir, removeDataDir } from './start.ts';

// One gateway in this process and two people with accounts: each in a group of their own, and both in the first one's.

/** Where a person reaches an upstream. */
export interface Resident {
  readonly name: string;
  to(upstream: string): Address;
}

/** The stage. */
export interface IsolationStage {
  /** Two people in two groups. */
  readonly apart: readonly [Resident, Resident];
  /** The same two in one group. */
  readonly together: readonly [Resident, Resident];
  close(): Promise<void>;
}

const canaries = fileURLToPath(new URL('fixtures/canaries.ts', import.meta.url));

async function add(server: Server, tenant: string, upstream: Upstream): Promise<void> {
  const { audit, upstreams, administrator } = server.ground;
  const actor = { type: 'person', id: administrator.subject } as const;
  const context = { tenant, actor, source: 'cli', correlation: crypto.randomUUID() } as const;
  const act = { act: 'upstream.add' as const, object: upstreamObject(tenant, upstream.name) };
  await upstreams.add(await audit.record('strict', context, act), tenant, upstream);
}

/** Set it up. */
export async function openIsolationStage(): Promise<IsolationStage> {
  const dataDir = await freshDataDir();
  const env = { DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'development', RATE_LIMIT_MCP_RPM: '1000000' };
  const config = initConfig({ env, cwd: dataDir });
  const server = await startServer(config, openLog('error'), () => undefined);
  const http = await startCanaries();
  const { ground, signIn, origin } = server;
  const first = ground.administrator;
  const second = await ground.people.ensureByEmail('second@example.test');
  const member = { groupId: first.tenant, userId: second.subject, role: 'member', createdAtMs: Date.now() };
  await ground.tables.put('memberships', member);
  const child = (name: string, eras: string): StdioUpstream => ({
    kind: 'stdio',
    name,
    command: process.execPath,
    args: [canaries, eras],
    env: {},
    cwd: undefined,
    credential: undefined,
  });
  for (const tenant of [first.tenant, second.tenant]) {
    await add(server, tenant, { kind: 'http', name: 'http', url: http.url, credential: undefined });
    await add(server, tenant, child('child', '--legacy'));
    await add(server, tenant, child('child-of-both', '--both'));
  }
  const resident = async (name: string, subject: string, group: string): Promise<Resident> => {
    const link = async (): Promise<string> => (await signIn?.links.linkFor(subject)) ?? '';
    const bearer = await obtainToken(origin, openBrowser({ link, stopAt: callback, group }));
    return { name, to: (upstream) => ({ url: `${origin}/mcp/${upstream}`, bearer }) };
  };
  const one = await resident('one', first.subject, first.tenant);
  return {
    apart: [one, await resident('two', second.subject, second.tenant)],
    together: [one, await resident('two', second.subject, first.tenant)],
    async close() {
      await server.close();
      await http.close();
      await removeDataDir(dataDir);
    },
  };
}
