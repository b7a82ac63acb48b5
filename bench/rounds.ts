import { cpuTimeOf } from './apart.ts';
import { median } from './bars.ts';
import { load, type Loaded } from './load.ts';
import { quietRounds, type QuietRounds } from './quiet-rounds.ts';
import type { Target } from './tool-call.ts';

/** One shape of load to measure all ways in. */
export interface Cell {
  readonly name: string;
  readonly upstream: 'raw' | 'sdk' | 'sessions';
  readonly connections: number;
  readonly payloadBytes: number;
  readonly ratePerSecond?: number;
}

/** One way to the upstream. */
export interface Way {
  readonly name: string;
  readonly target: Target;
  /** The process whose CPU time is counted. */
  readonly pid: number;
}

/** What one way gave in one round. CPU times are for one call; absent where the system does not tell. */
export interface Figures extends Omit<Loaded, 'answered' | 'firstWrong'> {
  readonly cpuMainUs?: number;
  readonly cpuAllUs?: number;
}

/** The rounds of a cell that count, and the medians over them; `wrong` is the sum. */
export interface Measured extends QuietRounds<Figures> {
  readonly cell: Cell;
  readonly ways: Readonly<Record<string, Figures>>;
}

const againMs = 300;
const roundMs = 600;
const inRounds = quietRounds({ roundCount: 7, triesMax: 12, patienceMs: 90_000 });
/** Calls after which the compiler has seen what there is to see, and the longest wait for them. */
const warm = { calls: 15_000, ms: 12_000 };

/** Call until the way runs as it does in a process that has been up for a while. */
export async function warmUp(way: Way): Promise<void> {
  const endMs = performance.now() + warm.ms;
  for (let calls = 0; calls < warm.calls && performance.now() < endMs;)
    calls += (await load(way.target, { connections: 16, payloadBytes: 64, durationMs: 1000 })).answered;
}

async function figuresOf(cell: Cell, way: Way): Promise<Figures> {
  const before = await cpuTimeOf(way.pid);
  const { answered, firstWrong, ...loaded } = await load(way.target, { ...cell, durationMs: roundMs });
  const after = await cpuTimeOf(way.pid);
  if (firstWrong !== undefined)
    console.error(`${cell.name}, ${way.name}: ${loaded.wrong} wrong, first: ${firstWrong}`);
  if (before === undefined || after === undefined || answered === 0) return loaded;
  const cpuMainUs = (after.mainUs - before.mainUs) / answered;
  return { ...loaded, cpuMainUs, cpuAllUs: (after.allUs - before.allUs) / answered };
}

function medians(rounds: readonly Figures[]): Figures {
  const of = (read: (figures: Figures) => number | undefined): number =>
    median(rounds.map(read).filter((value) => value !== undefined));
  const cpu = rounds.some((figures) => figures.cpuMainUs !== undefined)
    ? { cpuMainUs: of((figures) => figures.cpuMainUs), cpuAllUs: of((figures) => figures.cpuAllUs) }
    : {};
  return {
    wrong: rounds.reduce((sum, figures) => sum + figures.wrong, 0),
    perSecond: of((figures) => figures.perSecond),
    p50Us: of((figures) => figures.p50Us),
    p99Us: of((figures) => figures.p99Us),
    ...cpu,
  };
}

/** Measure every way in rounds; each round takes the ways in another order. */
export async function measure(cell: Cell, ways: readonly Way[]): Promise<Measured> {
  for (const way of ways) await load(way.target, { ...cell, durationMs: againMs });
  const { tries, othersShare, rounds } = await inRounds({
    ways,
    pids: ways.map(({ pid }) => pid),
    figuresOf: (way) => figuresOf(cell, way),
  });
  const summed = ways.map(({ name }): [string, Figures] => [
    name,
    medians(rounds.map((round) => round[name]).filter((figures) => figures !== undefined)),
  ]);
  return { cell, tries, othersShare, rounds, ways: Object.fromEntries(summed) };
}
