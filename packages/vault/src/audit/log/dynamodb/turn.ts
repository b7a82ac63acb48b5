import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Segments } from '../segments.ts';
import { itemAt } from './items.ts';
import type { LogTable } from './log-table.ts';

// Whose turn it is to seal: an item with the time until which somebody has it. It spares work that would be lost; what
// happens when clocks differ, or when somebody takes longer, is that two seal at once and one of them loses.

const turnMs = 5000;
/** Looks until whoever waits no longer does. */
const looksMax = 150;

/** Take turns by this table. @param now milliseconds since 1970 */
export function openTurn(table: LogTable, now: () => number): Segments['alone'] {
  const until = (ms: number) => itemAt({ part: 'turn', place: 'turn' }, { n: { N: String(ms) } });
  return async (work) => {
    for (let looks = 1; looks < looksMax; looks += 1) {
      if ((await table.put(until(now() + turnMs), { laterThan: now() })) === undefined) break;
      await sleep(randomInt(10, 60));
    }
    try {
      return await work();
    } finally {
      // Nobody misses it: it ends by itself.
      await table.put(until(0), 'always').catch(() => undefined);
    }
  };
}
