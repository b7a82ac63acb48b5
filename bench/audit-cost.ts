import { randomBytes } from 'node:crypto';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from '../test/start.ts';
import { cpuTimeOf, startApart, type Apart } from './apart.ts';
import { median } from './bars.ts';
import { load, type Loaded } from './load.ts';
import { quietRounds, type QuietRounds } from './quiet-rounds.ts';

// What the audit log costs a call: three gateways beside each other, called in turns. One is as it is, one never seals
// its journal, one writes no entry at all and only puts them together. No setting makes the latter two: see audit-replace.ts.

/** The three. */
export const gatewayWays = ['off', 'journal', 'whole'] as const;
/** One of {@link gatewayWays}. */
export type GatewayWay = (typeof gatewayWays)[number];

/** How they are called. */
export interface CostShape {
  readonly rounds: number;
  /** Before each turn, unmeasured: a gateway seals what it did a second ago, so by then it does both at once. */
  readonly leadMs: number;
  readonly turnMs: number;
}

/** What one way gave in one turn. */
export interface CostFigures extends Pick<Loaded, 'perSecond' | 'p50Us' | 'p99Us' | 'wrong'> {
  /** CPU of the gateway, a call; 0 where the system does not tell. */
  readonly cpuUs: number;
}

/** Turns with one caller, and with sixteen. */
export interface Cost {
  readonly one: QuietRounds<CostFigures>;
  readonly sixteen: QuietRounds<CostFigures>;
}

interface Started {
  readonly name: GatewayWay;
  readonly gateway: Running;
  readonly dataDir: string;
}

/** A started gateway with one upstream, `raw`. */
export async function startWay(name: GatewayWay, upstream: Apart): Promise<Started> {
  const dataDir = await freshDataDir();
  const hook = new URL(`audit-replace.ts?${name}`, import.meta.url).href;
  const replaced = name === 'whole' ? {} : { NODE_OPTIONS: `--import=${hook}` };
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '10000000', ...replaced } });
  await done(dataDir, ['upstreams', 'add', 'raw', '--url', upstream.url, '--credential', 'bearer']);
  await done(dataDir, ['connections', 'set', 'raw'], randomBytes(24).toString('base64url'));
  return { name, gateway, dataDir };
}

/** Stop it and remove what it kept. */
export async function stopWay({ gateway, dataDir }: Started): Promise<void> {
  await gateway.stop();
  await removeDataDir(dataDir);
}

/** Measure all three. */
export async function costOfLog(shape: CostShape): Promise<Cost> {
  const upstream = await startApart('raw');
  const ways: Started[] = [];
  try {
    for (const name of gatewayWays) ways.push(await startWay(name, upstream));
    const pids = [...ways.map(({ gateway }) => gateway.pid), upstream.pid];
    const inRounds = quietRounds({
      roundCount: shape.rounds,
      triesMax: shape.rounds * 2,
      patienceMs: 60_000,
    });
    const measured = (connections: number) =>
      inRounds({ ways, pids, figuresOf: (way: Started) => turnOf(way, connections, shape) });
    for (const way of ways) await turnOf(way, 16, shape);
    return { sixteen: await measured(16), one: await measured(1) };
  } finally {
    for (const way of ways) await stopWay(way);
    await upstream.close();
  }
}

async function turnOf(
  { gateway, name }: Started,
  connections: number,
  { leadMs, turnMs }: CostShape,
): Promise<CostFigures> {
  const target = gateway.upstream('raw');
  await load(target, { connections, payloadBytes: 64, durationMs: leadMs });
  const before = await cpuTimeOf(gateway.pid);
  const loaded = await load(target, { connections, payloadBytes: 64, durationMs: turnMs });
  const after = await cpuTimeOf(gateway.pid);
  if (loaded.firstWrong !== undefined)
    console.error(`${name}: ${loaded.wrong} wrong, first: ${loaded.firstWrong}`);
  const { perSecond, p50Us, p99Us, wrong, answered } = loaded;
  const cpuUs = ((after?.allUs ?? 0) - (before?.allUs ?? 0)) / answered;
  return { perSecond, p50Us, p99Us, wrong, cpuUs };
}

/** Median of a figure over the rounds that count. */
export function medianOf(
  { rounds }: QuietRounds<CostFigures>,
  way: GatewayWay,
  figure: keyof CostFigures,
): number {
  return median(rounds.map((round) => round[way]?.[figure] ?? Number.NaN));
}
