import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

// Sealing has a thread of its own, or shares one with those who serve. There others have their turn after some 8 ms of work,
// and as long as they have much to do, sealing takes a twenty-fifth of the time and no more, but for a little that it saved up:
// the journal has every entry already, so what is not sealed yet can wait, and a call cannot.

const shareWhenBusy = 1 / 25;
const savedMsMax = 100;
/** Longest work between two turns; what was done between two runs is none. */
const workMsMax = 10;
/** The loop has much to do when it waits for less than half of the time. */
const busyFrom = 0.5;

let savedMs = savedMsMax;
let countedAtMs = 0;
let resumedAtMs = 0;

/** Let others have their turn. */
export async function turn(): Promise<void> {
  if (!isMainThread) return nextTurn();
  const endedAtMs = performance.now();
  const workedMs = Math.min(endedAtMs - resumedAtMs, workMsMax);
  const gainedMs = (endedAtMs - countedAtMs) * shareWhenBusy;
  savedMs = Math.max(Math.min(savedMs + gainedMs, savedMsMax) - workedMs, -workMsMax);
  countedAtMs = endedAtMs;
  let busy: boolean;
  do {
    const before = performance.eventLoopUtilization();
    await sleep(1);
    busy = performance.eventLoopUtilization(before).utilization > busyFrom;
  } while (busy && savedMs + (performance.now() - endedAtMs) * shareWhenBusy < 0);
  resumedAtMs = performance.now();
}

/** So many lines are about 8 ms of work. */
export const linesPerTurn = 128;

/** Counts work, and lets others have their turn when it is enough. */
export function openTurns(): (lines: number) => Promise<void> {
  let done = 0;
  return async (lines) => {
    done += lines;
    if (done < linesPerTurn) return;
    done = 0;
    await turn();
  };
}
