import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from '../start.ts';
import { features, type Seat } from './features.ts';
import { openFront, revisions, type Revision } from './front.ts';
import { tableOf, upstreamKinds, type UpstreamKind } from './table.ts';

// Every revision that a client may speak, to every kind of upstream, at both addresses, with every feature: each cell is
// used for real. docs/protocol.md shows the same table, and the last test holds it to this one.

const program = fileURLToPath(new URL('upstream.ts', import.meta.url));
let gateway: Running;
let dataDir: string;
const servers: ChildProcess[] = [];

const count = (): string => join(dataDir, 'cancelled.txt');

async function startHttp(era: string): Promise<string> {
  const server = spawn(process.execPath, [program, '--era', era, '--count', count()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(server);
  const [line] = (await once(server.stdout, 'data')) as [Buffer];
  return line.toString().trim();
}

beforeAll(async () => {
  dataDir = await freshDataDir();
  gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '100000' } });
  // The example: every list is to be the matrix's own.
  await done(dataDir, ['upstreams', 'remove', 'everything']);
});
afterAll(async () => {
  await gateway.stop();
  for (const server of servers) server.kill();
  await removeDataDir(dataDir);
});

async function add({ name, era, over }: UpstreamKind): Promise<void> {
  const how =
    over === 'http'
      ? ['--url', await startHttp(era)]
      : ['--command', process.execPath, '--', program, '--stdio', '--era', era, '--count', count()];
  await done(dataDir, ['upstreams', 'add', name, ...how]);
}

describe.each(upstreamKinds)('$name', (kind) => {
  beforeAll(() => add(kind));
  afterAll(() => done(dataDir, ['upstreams', 'remove', kind.name]));

  describe.each(['/mcp/{upstream}', '/mcp'])('at %s', (address) => {
    describe.each(revisions)('in %s', (revision: Revision) => {
      let seat: Seat;
      beforeAll(async () => {
        const whole = address === '/mcp';
        const url = `${gateway.origin}${whole ? '/mcp' : `/mcp/${kind.name}`}`;
        seat = {
          front: await openFront(revision, { url, bearer: gateway.bearer }),
          named: (name) => (whole ? `${kind.name}__${name}` : name),
        };
      });
      afterAll(() => seat.front.close());

      it.each(features.filter(({ since }) => since <= revision))('$name', ({ use }) => use(seat));
    });
  });
});

it('the page shows this very table', async () => {
  const page = await readFile(fileURLToPath(new URL('../../docs/protocol.md', import.meta.url)), 'utf8');
  expect(page).toContain(tableOf(features));
});
