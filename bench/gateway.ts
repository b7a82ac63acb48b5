import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { everythingStdio } from '../test/fixtures/everything.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from '../test/start.ts';
import { startApart, type Apart } from './apart.ts';
import { atLeast, atMost, type Bar, type Bench } from './bars.ts';
import { compared } from './quiet-rounds.ts';
import { measure, warmUp, type Cell, type Measured, type Way } from './rounds.ts';
import { inSession, type Target } from './tool-call.ts';

// What the gateway costs: the same calls straight to an upstream, through a bare byte proxy, and through a started
// gateway with every control on (bearer, strict parse, rate limit, durable attempt, credential opened, answer scrubbed).
// Rounds alternate, and each figure is the median of the rounds' own ratios, so that a noisy machine disturbs both sides.
// Client, upstream and gateway share the machine: ratios of rates compare the CPU of all three, not the gateway's limit.

const cells: readonly (Cell & { readonly upstream: 'raw' | 'sdk' })[] = [
  { name: 'trivial upstream, 64 B, 1 connection', upstream: 'raw', connections: 1, payloadBytes: 64 },
  { name: 'trivial upstream, 64 B, 16 connections', upstream: 'raw', connections: 16, payloadBytes: 64 },
  { name: 'trivial upstream, 4 KiB, 16 connections', upstream: 'raw', connections: 16, payloadBytes: 4096 },
  {
    name: 'trivial upstream, 64 B, 500 calls/s',
    upstream: 'raw',
    connections: 32,
    payloadBytes: 64,
    ratePerSecond: 500,
  },
  { name: 'SDK upstream, 64 B, 1 connection', upstream: 'sdk', connections: 1, payloadBytes: 64 },
  { name: 'SDK upstream, 64 B, 16 connections', upstream: 'sdk', connections: 16, payloadBytes: 64 },
  { name: 'SDK upstream, 4 KiB, 16 connections', upstream: 'sdk', connections: 16, payloadBytes: 4096 },
];

/** Ways through the same gateway beside each other; nothing is promised of them but right answers. */
const addresses = {
  name: 'addresses and eras, 64 B, 16 connections',
  upstream: 'raw',
  connections: 16,
  payloadBytes: 64,
} as const;
const sessions = {
  name: 'sessions of 2025-11-25, SDK upstream, 64 B, 16 connections',
  upstream: 'sessions',
  connections: 16,
  payloadBytes: 64,
} as const;

interface Stage {
  readonly ways: Readonly<Record<'raw' | 'sdk', readonly Way[]>>;
  /** Open the sessions and give the ways of {@link addresses} and of {@link sessions}. */
  moreWays(): Promise<Readonly<Record<'raw' | 'sessions', readonly Way[]>>>;
  close(): Promise<void>;
}

async function addUpstreams(
  dataDir: string,
  upstreams: Readonly<Record<'raw' | 'sdk' | 'sessions', Apart>>,
): Promise<void> {
  for (const [name, { url }] of Object.entries(upstreams)) {
    await done(dataDir, ['upstreams', 'add', name, '--url', url, '--credential', 'bearer']);
    await done(dataDir, ['connections', 'set', name], randomBytes(24).toString('base64url'));
  }
  const { command, args } = everythingStdio;
  await done(dataDir, ['upstreams', 'add', 'child', '--command', command, '--', ...args]);
}

async function otherWays(
  gateway: Running,
  { sessions: direct }: Readonly<Record<'sessions', Apart>>,
): Promise<Readonly<Record<'raw' | 'sessions', readonly Way[]>>> {
  const { pid, origin, bearer } = gateway;
  const all: Target = { url: `${origin}/mcp`, bearer, echo: ['raw__echo', 'text'] };
  const child: Target = { ...gateway.upstream('child'), echo: ['echo', 'message'] };
  return {
    raw: [
      { name: '`/mcp/raw`', target: gateway.upstream('raw'), pid },
      { name: '`/mcp`', target: all, pid },
      { name: '`/mcp`, session', target: await inSession(all), pid },
    ],
    sessions: [
      { name: 'direct', target: await inSession({ url: direct.url }), pid: direct.pid },
      { name: 'gateway', target: await inSession(gateway.upstream('sessions')), pid },
      { name: 'gateway, child', target: await inSession(child), pid },
    ],
  };
}

function waysTo(name: 'raw' | 'sdk', upstream: Apart, proxy: Apart, gateway: Running): readonly Way[] {
  return [
    { name: 'direct', target: { url: upstream.url }, pid: upstream.pid },
    { name: 'proxy', target: { url: proxy.url }, pid: proxy.pid },
    { name: 'gateway', target: gateway.upstream(name), pid: gateway.pid },
  ];
}

async function openStage(): Promise<Stage> {
  const upstreams = {
    raw: await startApart('raw'),
    sdk: await startApart('sdk'),
    sessions: await startApart('sessions'),
  };
  const proxies = {
    raw: await startApart('proxy', upstreams.raw.url),
    sdk: await startApart('proxy', upstreams.sdk.url),
  };
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '10000000' } });
  await addUpstreams(dataDir, upstreams);
  return {
    ways: {
      raw: waysTo('raw', upstreams.raw, proxies.raw, gateway),
      sdk: waysTo('sdk', upstreams.sdk, proxies.sdk, gateway),
    },
    moreWays: () => otherWays(gateway, upstreams),
    async close() {
      await gateway.stop();
      await Promise.all(
        [...Object.values(upstreams), ...Object.values(proxies)].map((server) => server.close()),
      );
      await removeDataDir(dataDir);
    },
  };
}

function row({ cell, tries, othersShare, ways }: Measured): string {
  const said = Object.entries(ways).map(([way, figures]) => {
    const cpu =
      figures.cpuMainUs === undefined
        ? ''
        : `, CPU ${Math.round(figures.cpuMainUs)}/${Math.round(figures.cpuAllUs ?? 0)} us`;
    return `  ${way.padEnd(8)} ${Math.round(figures.perSecond)}/s, p50 ${Math.round(figures.p50Us)} us, p99 ${Math.round(figures.p99Us)} us${cpu}`;
  });
  const noise = `${tries} rounds, others took up to ${Math.round(othersShare * 100)} %`;
  return [`${cell.name} (${noise})`, ...said].join('\n');
}

/** The aims that this machine can be held to. `measured` is in the order of `cells`. */
function barsOf(measured: readonly Measured[]): readonly Bar[] {
  const at = (upstream: Cell['upstream'], connections: number): Measured => {
    const found = measured.find(
      ({ cell }) =>
        cell.upstream === upstream && cell.connections === connections && cell.payloadBytes === 64,
    );
    if (found === undefined) throw new Error(`no cell for ${upstream} at ${connections}`);
    return found;
  };
  const [one, many, sdk] = [at('raw', 1), at('raw', 16), at('sdk', 16)];
  const rate = (cell: Measured, base: string): number =>
    compared(cell, ['gateway', base], (a, b) => a.perSecond / b.perSecond);
  const gateway = many.ways['gateway'];
  const wrong = measured
    .flatMap(({ ways }) => Object.values(ways))
    .reduce((sum, figures) => sum + figures.wrong, 0);
  return [
    atLeast('rate to direct, SDK upstream, 16 connections', rate(sdk, 'direct'), '×', 0.75),
    atLeast('rate to direct, trivial upstream, 16 connections', rate(many, 'direct'), '×', 0.15),
    atLeast('rate to bare proxy, trivial upstream, 16 connections', rate(many, 'proxy'), '×', 0.45),
    atMost(
      'added p50, 1 connection',
      compared(one, ['gateway', 'direct'], (a, b) => a.p50Us - b.p50Us),
      'us',
      800,
    ),
    atMost('p99, trivial upstream, 16 connections', (gateway?.p99Us ?? Number.NaN) / 1000, 'ms', 10),
    ...(gateway?.cpuMainUs === undefined
      ? []
      : [atMost('CPU a call, main thread', gateway.cpuMainUs, 'us', 110)]),
    ...(gateway?.cpuAllUs === undefined
      ? []
      : [atMost('CPU a call, whole process', gateway.cpuAllUs, 'us', 170)]),
    atMost('wrong answers', wrong, '', 0),
  ];
}

/** What is kept of a run: the bars, and the medians of every way in every cell. */
export interface GatewayBench extends Bench {
  readonly node: string;
  readonly cores: number;
  readonly cells: readonly Omit<Measured, 'rounds'>[];
}

/** Measure all cells; about four minutes. */
export async function run(): Promise<GatewayBench> {
  const stage = await openStage();
  try {
    const measured: Measured[] = [];
    for (const way of [...stage.ways.raw, ...stage.ways.sdk]) await warmUp(way);
    for (const cell of cells) {
      const result = await measure(cell, stage.ways[cell.upstream]);
      console.log(row(result));
      measured.push(result);
    }
    const more = await stage.moreWays();
    for (const cell of [addresses, sessions]) {
      for (const way of more[cell.upstream]) await warmUp(way);
      const result = await measure(cell, more[cell.upstream]);
      console.log(row(result));
      measured.push(result);
    }
    const shown = measured.map(({ rounds: _, ...rest }) => rest);
    const [node, cores] = [process.version, availableParallelism()];
    return { bench: 'gateway', node, cores, bars: barsOf(measured), cells: shown };
  } finally {
    await stage.close();
  }
}
