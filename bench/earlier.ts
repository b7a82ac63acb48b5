import { randomBytes } from 'node:crypto';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Start from '../test/start.ts';
import { startApart } from './apart.ts';
import { atLeast, atMost, type Bar } from './bars.ts';
import { compared } from './quiet-rounds.ts';
import { measure, warmUp, type Cell, type Measured, type Way } from './rounds.ts';

// `npm run bench:earlier -- DIR`: does this checkout cost more than an earlier one, installed in DIR? Both gateways run at
// once, each as its own revision starts and signs in, and are called in turns: what the machine does falls on both.

const cells: readonly Cell[] = [
  { name: 'trivial upstream, 64 B, 16 connections', upstream: 'raw', connections: 16, payloadBytes: 64 },
  { name: 'trivial upstream, 64 B, 1 connection', upstream: 'raw', connections: 1, payloadBytes: 64 },
  { name: 'SDK upstream, 64 B, 16 connections', upstream: 'sdk', connections: 16, payloadBytes: 64 },
];

/** Both gateways are started anew so often: what the compiler makes of one start differs by some percent from another. */
const starts = 4;

type Opened = { readonly way: (upstream: string) => Way; close(): Promise<void> };

async function openGateway(
  name: string,
  checkout: string,
  upstreams: Readonly<Record<string, string>>,
): Promise<Opened> {
  const start = (await import(pathToFileURL(resolve(checkout, 'test/start.ts')).href)) as typeof Start;
  const dataDir = await start.freshDataDir();
  const gateway = await start.startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '10000000' } });
  for (const [upstream, url] of Object.entries(upstreams)) {
    await start.done(dataDir, ['upstreams', 'add', upstream, '--url', url, '--credential', 'bearer']);
    await start.done(dataDir, ['connections', 'set', upstream], randomBytes(24).toString('base64url'));
  }
  return {
    way: (upstream) => ({ name, target: gateway.upstream(upstream), pid: gateway.pid }),
    async close() {
      await gateway.stop();
      await start.removeDataDir(dataDir);
    },
  };
}

function barsOf(cell: Cell, rate: number, cpu: number): readonly Bar[] {
  return [
    atLeast(`rate to the earlier one, ${cell.name}`, rate, '×', 0.95),
    atMost(`CPU of the main thread to the earlier one, ${cell.name}`, cpu, '×', 1.05),
  ];
}

const earlier = process.argv[2];
if (earlier === undefined) {
  console.error('usage: npm run bench:earlier -- DIR, where DIR is an earlier checkout after npm install');
  process.exit(2);
}
const servers = { raw: await startApart('raw'), sdk: await startApart('sdk') };
const urls = { raw: servers.raw.url, sdk: servers.sdk.url };
const found = new Map<Cell, Measured['rounds'][number][]>(cells.map((cell) => [cell, []]));
for (let start = 0; start < starts; start++) {
  // Whoever is opened first is up to some percent slower, also beside its own copy, so each is first as often.
  const both = [
    ['now', '.'],
    ['earlier', earlier],
  ] as const;
  const gateways: Opened[] = [];
  for (const [name, checkout] of start % 2 === 0 ? both : both.toReversed())
    gateways.push(await openGateway(name, checkout, urls));
  for (const upstream of ['raw', 'sdk'] as const)
    for (const gateway of gateways) await warmUp(gateway.way(upstream));
  for (const [cell, rounds] of found) {
    const ways = gateways.map((gateway) => gateway.way(cell.upstream));
    rounds.push(...(await measure(cell, ways)).rounds);
  }
  await Promise.all(gateways.map((gateway) => gateway.close()));
}
const bars: Bar[] = [];
for (const [cell, rounds] of found) {
  const rate = compared({ rounds }, ['now', 'earlier'], (a, b) => a.perSecond / b.perSecond);
  const cpu = compared({ rounds }, ['now', 'earlier'], (a, b) => (a.cpuMainUs ?? 0) / (b.cpuMainUs ?? 0));
  for (const bar of barsOf(cell, rate, cpu)) {
    bars.push(bar);
    console.log(`${bar.ok ? 'ok  ' : 'MISS'} ${bar.name}: ${bar.value} ${bar.unit} (aim ${bar.aim})`);
  }
}
await Promise.all([servers.raw.close(), servers.sdk.close()]);
console.log(JSON.stringify({ bench: 'earlier', bars }));
