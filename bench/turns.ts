import { median, percentile } from './bars.ts';
import { quietRounds, type QuietRounds } from './quiet-rounds.ts';

// Ways of doing one thing, called in turns: short rounds, in another order each time, so that whatever else the machine
// does falls on all of them.

/** One way. */
export interface Called {
  readonly name: string;
  /** @param n counts up, over all calls of this way */
  readonly call: (n: number) => Promise<unknown>;
}

/** How ways are called. */
export interface Load {
  readonly name: string;
  /** Calls that wait for their answer at the same time. */
  readonly inFlight: number;
  /** A call is sent together with so many others, and the next ones when all have their answers; 1 when not given. */
  readonly together?: number;
}

/** What one way gave in one round. CPU time is this process's, for one call. */
export interface Turn {
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuUs: number;
}

/** All rounds of a load, and the medians over them. */
export interface Turns extends Pick<QuietRounds<Turn>, 'othersShare' | 'rounds'> {
  readonly load: Load;
  readonly ways: Readonly<Record<string, Turn>>;
}

const roundMs = 200;
const warmMs = 1000;
const measured = quietRounds({ roundCount: 9, triesMax: 14, patienceMs: 30_000 });

/**
 * Call all ways in turns.
 *
 * @param pids the processes that answer
 */
export async function inTurns(
  load: Load,
  ways: readonly Called[],
  pids: readonly number[] = [],
): Promise<Turns> {
  const counts = new Map<string, number>();
  for (const way of ways) await turnOf(load, way, counts, warmMs);
  const { othersShare, rounds } = await measured({
    ways,
    pids,
    figuresOf: (way) => turnOf(load, way, counts, roundMs),
  });
  const summed = ways.map(({ name }): [string, Turn] => {
    const of = (field: keyof Turn) => median(rounds.map((turns) => turns[name]?.[field] ?? Number.NaN));
    return [name, { perSecond: of('perSecond'), p50Us: of('p50Us'), p99Us: of('p99Us'), cpuUs: of('cpuUs') }];
  });
  return { load, othersShare, rounds, ways: Object.fromEntries(summed) };
}

async function turnOf(
  { inFlight, together = 1 }: Load,
  { name, call }: Called,
  counts: Map<string, number>,
  ms: number,
): Promise<Turn> {
  const times: number[] = [];
  let n = counts.get(name) ?? 0;
  const timed = async (): Promise<void> => {
    const atMs = performance.now();
    await call(n++);
    times.push(performance.now() - atMs);
  };
  const start = performance.now();
  const cpu = process.cpuUsage();
  const one = async (): Promise<void> => {
    while (performance.now() - start < ms)
      if (together === 1) await timed();
      else await Promise.all(Array.from({ length: together }, timed));
  };
  await Promise.all(Array.from({ length: inFlight }, one));
  const tookMs = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  counts.set(name, n);
  return {
    perSecond: (times.length * 1000) / tookMs,
    p50Us: percentile(times, 0.5) * 1000,
    p99Us: percentile(times, 0.99) * 1000,
    cpuUs: (user + system) / times.length,
  };
}
