import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { cpuTimeOf } from './apart.ts';

// How much of the machine went to work that is not part of the measurement. A round that shared the processors with
// something else says little about the gateway: it is measured again instead of being believed.

/** A share of the machine that others may take without being noticed in a measurement. */
export const quietShare = 0.1;

/** Wait until others are quiet, but no longer than `waitMs`. Gives back what is left of it. */
export async function quietMoment(waitMs: number): Promise<number> {
  const startMs = performance.now();
  const leftMs = (): number => Math.max(0, waitMs - (performance.now() - startMs));
  while (leftMs() > 0) {
    const othersShare = await watchNeighbours([]);
    await sleep(200);
    if ((await othersShare()) <= quietShare) break;
  }
  return leftMs();
}

/** Begin to watch. `pids`: the processes under measurement, to which this one is added. */
export async function watchNeighbours(pids: readonly number[]): Promise<() => Promise<number>> {
  const all = [...new Set([process.pid, ...pids])];
  const startMs = performance.now();
  const [busyUs, ownUs] = [await busyTime(), await timeOf(all)];
  return async () => {
    const [busyNowUs, ownNowUs] = [await busyTime(), await timeOf(all)];
    if (busyUs === undefined || busyNowUs === undefined) return 0;
    const otherUs = busyNowUs - busyUs - (ownNowUs - ownUs);
    return Math.max(0, otherUs / ((performance.now() - startMs) * 1000 * availableParallelism()));
  };
}

async function timeOf(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(pids.map(cpuTimeOf));
  return times.reduce((sum, time) => sum + (time?.allUs ?? 0), 0);
}

/** CPU time of every process and of other guests of the host, in microseconds (proc(5), `/proc/stat`, 100 ticks a second). */
async function busyTime(): Promise<number | undefined> {
  try {
    const [line = ''] = (await readFile('/proc/stat', 'utf8')).split('\n', 1);
    const ticks = line.trim().split(/\s+/).slice(1).map(Number);
    const at = { user: 0, nice: 1, system: 2, steal: 7 };
    return Object.values(at).reduce((sum, place) => sum + (ticks[place] ?? 0) * 10_000, 0);
  } catch {
    return undefined;
  }
}
