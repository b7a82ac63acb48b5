import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { envKey, memoryTables, openSealer, type Sealer } from '@sealgate/vault';
import { atLeast, atMost, median, rounded, type Bar, type Bench } from './bars.ts';
import { judgeNames, openJudge } from './seal-judge.ts';
import { bare, records, throughSealer, type Way, type Work } from './seal-ways.ts';

// What a sealed record costs over the bare calls of node:crypto that no AES-256-GCM can do without (key object, fixed
// nonce, 150 bytes of additional data, output left in two buffers), and what the AWS Encryption SDK costs beside it. CPU
// time; the ways take turns in every round, in another order each time, and a figure is the median of the ratios within a
// round, so that a busy machine slows both sides.

/** What this bench found. */
export interface SealBench extends Bench {
  readonly node: string;
  readonly cores: number;
  readonly costs: readonly Cost[];
}

/** One direction and size: the median of each way's CPU time for a call, in microseconds. */
export interface Cost {
  readonly name: string;
  readonly ways: Readonly<Record<string, number>>;
}

const rounds = 61;
const warmUpRounds = 10;
const callBytes = 2_000_000;
const sizes = [64, 256, 4096, 65_536, 1_048_576] as const;
/** Most that sealing and opening may cost as a ratio to the bare calls, by plaintext bytes. */
const aims: Readonly<Record<number, number>> = { 256: 1.6, 4096: 1.7, 65_536: 1.2 };
/** How many times as much the AWS Encryption SDK has to cost, at least, as an application's call of the sealer. */
const judgeAim = { bytes: 256, times: 20 };

type Direction = 'seal' | 'open';

/** Ratios of sealing and opening to the bare calls, and of the AWS Encryption SDK to both. */
export async function run(): Promise<SealBench> {
  const tables = memoryTables({ now: Date.now });
  const provider = envKey(randomBytes(32).toString('hex'));
  const sealer = await openSealer({ tables, provider, now: Date.now });
  const judge = openJudge();
  if (typeof judge === 'string') console.log(judge);
  const measured: (readonly Bar[])[] = [];
  const costs: Cost[] = [];
  try {
    for (const size of sizes) {
      const plaintext = randomBytes(size);
      const ways = await waysFor(sealer, plaintext);
      if (typeof judge !== 'string') ways.push(...(await judge(plaintext)));
      for (const direction of ['seal', 'open'] as const) {
        const { cost, bars } = await measure(direction, size, ways);
        console.log(`${cost.name}, CPU us: ${JSON.stringify(cost.ways)}`);
        costs.push(cost);
        measured.push(bars);
      }
    }
  } finally {
    await sealer.close();
    await tables.close();
  }
  const machine = { node: process.version, cores: availableParallelism() };
  return { bench: 'seal', bars: measured.flat(), ...machine, costs };
}

async function waysFor(sealer: Sealer, plaintext: Buffer): Promise<Way[]> {
  const floor: Way = { name: 'bare', ...bare(plaintext), waits: false };
  return [floor, records(1, plaintext), records(2, plaintext), await throughSealer(sealer, plaintext)];
}

async function measure(direction: Direction, size: number, ways: readonly Way[]) {
  const calls = Math.ceil(callBytes / (size + 1000));
  const taken: Record<string, number>[] = [];
  for (let round = -warmUpRounds; round < rounds; round += 1) {
    const costs: Record<string, number> = {};
    const first = (round + warmUpRounds) % ways.length;
    for (const way of [...ways.slice(first), ...ways.slice(0, first)])
      costs[way.name] = await cpuMicroseconds(way[direction], Math.ceil(calls * (way.share ?? 1)), way.waits);
    if (round >= 0) taken.push(costs);
  }
  const of = (name: string) => rounded(median(taken.map((costs) => costs[name] ?? Number.NaN)));
  const name = `${direction} ${size} B`;
  const cost: Cost = { name, ways: Object.fromEntries(ways.map((way) => [way.name, of(way.name)])) };
  return { cost, bars: [...againstBare(name, size, taken), ...againstJudges(name, size, taken)] };
}

type Taken = readonly Readonly<Record<string, number>>[];

function ratio(taken: Taken, one: string, other: string): number {
  return median(taken.map((costs) => (costs[one] ?? Number.NaN) / (costs[other] ?? Number.NaN)));
}

function againstBare(name: string, size: number, taken: Taken): readonly Bar[] {
  const aim = aims[size];
  if (aim === undefined) return [];
  return ['suite 1', 'suite 2'].map((suite) =>
    atMost(`${name}, ${suite}`, ratio(taken, suite, 'bare'), '× bare AES-256-GCM', aim),
  );
}

function againstJudges(name: string, size: number, taken: Taken): readonly Bar[] {
  if (size !== judgeAim.bytes) return [];
  const there = judgeNames.filter((judge) => taken[0]?.[judge] !== undefined);
  return there.map((judge) =>
    atLeast(`${name}, ${judge}`, ratio(taken, judge, 'sealer'), '× our sealer', judgeAim.times),
  );
}

/** CPU microseconds of one call, over `calls`. */
async function cpuMicroseconds(work: Work, calls: number, waits: boolean): Promise<number> {
  const before = process.cpuUsage();
  if (waits) for (let i = 0; i < calls; i += 1) await work();
  else for (let i = 0; i < calls; i += 1) work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}
