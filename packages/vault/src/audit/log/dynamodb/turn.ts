import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Segments } from '../segments.ts';
import { itemAt, textIn } from './items.ts';
import type { LogTable } from './log-table.ts';

// Whose turn it is to seal: an item with the time until which somebody has it. It spares work that would be lost; what
// happens when clocks differ, or when somebody takes longer, is that two seal at once and one of them loses.

const turnMs = 5000;
/** Looks until whoever waits no longer does: some five seconds. */
const looksMax = 150;

/** Take turns by this table. @param now milliseconds since 1970 */
export function openTurn(table: LogTable, now: () => number): Segments['alone'] {
  const until = (ms: number, by: string) =>
    itemAt({ part: 'turn', place: 'turn' }, { n: { N: String(ms) }, by: { S: by } });
  return async (work) => {
    const by = randomUUID();
    for (let looks = 1; looks < looksMax; looks += 1) {
      const lying = await table.put(until(now() + turnMs, by), { laterThan: now() });
      // Ours, when an answer was lost and the put repeated.
      if (lying === undefined || textIn(lying, 'by') === by) break;
      await sleep(randomInt(10, 60));
    }
    try {
      return await work();
    } finally {
      // Nobody misses it: it ends by itself.
      await table.put(until(0, by), 'always').catch(() => undefined);
    }
  };
}
