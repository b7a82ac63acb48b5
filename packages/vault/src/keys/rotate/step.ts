import { refuse } from '../../refusal.ts';
import type { KeyCore } from '../key-core.ts';

/** What one step came to. `lost` never leaves a step: it is tried again. */
export type Stepped = 'changed' | 'already' | 'skipped';

/** What the steps of one piece of work share. */
export interface WorkParts extends KeyCore {
  /** Id of the work; what it has made or wrapped carries it. */
  readonly job: string;
  /** Whether `suite` was asked for, and is the tenants' from now on. */
  readonly keepsSuite: boolean;
}

const attemptsMax = 20;

/**
 * Read, then write under the condition that nothing changed: again until it did not.
 *
 * @param attempt `undefined`: another write came between
 * @throws Refusal `store_unavailable` when that goes on for ever
 */
export async function untilWritten(attempt: () => Promise<Stepped | undefined>): Promise<Stepped> {
  for (let round = 0; round < attemptsMax; round += 1) {
    const stepped = await attempt();
    if (stepped !== undefined) return stepped;
  }
  throw refuse('store_unavailable', 'a row of keys changes all the time; run the same command again');
}
