import { within } from '../../store/within.ts';
import type { Batch } from '../batch.ts';
import type { Lane } from './lane.ts';

/** How long is waited, in milliseconds. */
export interface Patience {
  /** For one that is late while the other has the batch. */
  readonly boundMs: number;
  /** For the first of them. */
  readonly deadlineMs: number;
}

/**
 * Give a batch to every device that counts. One that fails or is late does not count any more.
 *
 * @throws Error when none has it, so far as is known
 */
export async function putOn(lanes: readonly Lane[], batch: Batch, patience: Patience): Promise<void> {
  const untilMs = performance.now() + patience.boundMs;
  const under = lanes.filter((lane) => lane.state() === 'ok').map((lane) => begun(lane, batch));
  try {
    await within(patience.deadlineMs, Promise.any(under.map(({ done }) => done)));
  } catch (error) {
    for (const { lane } of under) lane.fail(error);
    throw inOne(error);
  }
  const leftMs = Math.max(1, untilMs - performance.now());
  await Promise.all(under.map(({ lane, done }) => within(leftMs, done).catch(lane.fail)));
}

function begun(lane: Lane, batch: Batch) {
  const done = lane.commit(batch);
  // Also when nobody waits for it any more.
  done.catch(lane.fail);
  return { lane, done };
}

/** Several failures as one error that says each. */
export function inOne(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const reasons = error.errors as unknown[];
  if (reasons.length === 0) return new Error('neither device counts at present');
  return reasons.length === 1 ? reasons[0] : new Error(reasons.map(String).join('; '), { cause: error });
}
