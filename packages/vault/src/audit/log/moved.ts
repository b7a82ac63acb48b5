import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { refuse, Refusal } from '../../refusal.ts';

// Several processes may seal into the same logs. Of two that add to one, or publish, at once one loses, and looks again.

const reason = 'somebody else was first';
const triesMax = 50;
const pauseMsMax = 500;

/** Somebody else sealed or published at the same time, and was first. It may be tried again. */
export function moved(): Refusal {
  return refuse('store_unavailable', 'the audit log is being sealed by another process; try again', reason);
}

/** Do it again while somebody else is first. @throws what `work` throws; {@link moved} after many times */
export async function againIfMoved<V>(work: () => Promise<V>): Promise<V> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const isMoved = error instanceof Refusal && error.detail === reason;
      if (!isMoved || tries === triesMax) throw error;
    }
    // Random over the whole stretch, so that those who met do not meet again.
    await sleep(randomInt(1, Math.min(pauseMsMax, 10 * 2 ** tries)));
  }
}
