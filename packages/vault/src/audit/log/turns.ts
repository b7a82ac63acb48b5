import { setTimeout as sleep } from 'node:timers/promises';

// Sealing shares its thread with those who serve. After some 8 ms of work others have their turn, and as long as they have
// much to do, sealing takes a twenty-fifth of the time and no more: the journal has every entry already, so what is not
// sealed yet can wait, and a call cannot.

/** Longest rest, as a multiple of the work before it. */
const restFactor = 24;
/** Work that is rested from at once; what was done between two runs is none. */
const workMsMax = 10;
/** The loop has much to do when it waits for less than half of the time. */
const busyShare = 0.5;

let resumedAtMs = 0;

/** Let others have their turn. */
export async function turn(): Promise<void> {
  const endedAtMs = performance.now();
  const restMsMax = Math.min(endedAtMs - resumedAtMs, workMsMax) * restFactor;
  let busy: boolean;
  do {
    const before = performance.eventLoopUtilization();
    await sleep(1);
    busy = performance.eventLoopUtilization(before).utilization > busyShare;
  } while (busy && performance.now() - endedAtMs < restMsMax);
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

/** Runs pieces of work one behind the other. */
export function oneBehindTheOther(): <V>(work: () => Promise<V>) => Promise<V> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };
}
