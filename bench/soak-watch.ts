import { readdir, readFile } from 'node:fs/promises';
import type { Running } from '../test/start.ts';

/** What a gateway held at one moment. `NaN` where this system does not say. */
export interface Sample {
  /** Since the run began. */
  readonly atSeconds: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
  /** Processes below the gateway. */
  readonly processes: number;
  readonly openFiles: number;
  readonly sessions: number;
  readonly visits: number;
  readonly errors: number;
}

/** Look at a gateway now. */
export async function look(gateway: Running): Promise<Omit<Sample, 'atSeconds' | 'visits' | 'errors'>> {
  const told = await (await fetch(`${gateway.origin}/metrics`)).text();
  const gauge = (name: string): number =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(told)?.[1] ?? Number.NaN);
  return {
    rssBytes: gauge('sealgate_process_resident_bytes'),
    heapBytes: gauge('sealgate_process_heap_bytes'),
    processes: await processesBelow(gateway.pid),
    openFiles: await readdir(`/proc/${gateway.pid}/fd`).then(
      ({ length }) => length,
      () => Number.NaN,
    ),
    sessions: gauge('sealgate_sessions'),
  };
}

async function processesBelow(pid: number): Promise<number> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const lists = await Promise.all(
      threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'utf8').catch(() => '')),
    );
    const children = lists.flatMap((list) => list.split(' ').filter((child) => child !== ''));
    const below = await Promise.all(children.map((child) => processesBelow(Number(child))));
    return below.reduce((sum, count) => sum + count, children.length);
  } catch {
    return Number.NaN;
  }
}

/**
 * The lowest sample of each of `parts` equal stretches of time: what is left after the collector ran, which is what a leak
 * lifts.
 */
export function floorsOf(samples: readonly Sample[], figure: keyof Sample, parts: number): readonly Sample[] {
  const [first, last] = [samples[0]?.atSeconds ?? 0, samples.at(-1)?.atSeconds ?? 0];
  const floors = new Map<number, Sample>();
  for (const sample of samples) {
    const part = Math.min(parts - 1, Math.floor(((sample.atSeconds - first) / (last - first || 1)) * parts));
    const lowest = floors.get(part);
    if (lowest === undefined || sample[figure] < lowest[figure]) floors.set(part, sample);
  }
  return [...floors.values()];
}

/** How much a figure rose, by the straight line that fits best (least squares), and its mean. */
export interface Rise {
  readonly rise: number;
  readonly mean: number;
}

/** Fit the samples' `figure`; samples without it are left out. `NaN` of fewer than two. */
export function riseOf(samples: readonly Sample[], figure: keyof Sample): Rise {
  const points = samples.filter((sample) => !Number.isNaN(sample[figure]));
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [atMean, mean] = [
    meanOf(points.map(({ atSeconds }) => atSeconds)),
    meanOf(points.map((p) => p[figure])),
  ];
  const sum = (of: (sample: Sample) => number): number =>
    points.reduce((total, sample) => total + of(sample), 0);
  const slope =
    sum((sample) => (sample.atSeconds - atMean) * (sample[figure] - mean)) /
    sum(({ atSeconds }) => (atSeconds - atMean) ** 2);
  const [first, last] = [points[0], points.at(-1)];
  return { rise: slope * ((last?.atSeconds ?? Number.NaN) - (first?.atSeconds ?? Number.NaN)), mean };
}
