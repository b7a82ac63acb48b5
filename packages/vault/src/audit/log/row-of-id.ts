import { uuid7Ms } from '../uuid7.ts';
import type { IndexRow, LogName, Period, RowQuery } from './segments.ts';

/** Within a busy millisecond ids run ahead of the time of their entries by a few. */
const aheadMs = 10_000;

/**
 * The row of an entry in a log.
 *
 * @returns `undefined` when it does not stand there, or the id is no UUIDv7
 * @throws Refusal `store_unavailable`
 */
export async function rowOfId(period: Period, log: LogName, id: string): Promise<IndexRow | undefined> {
  const atMs = uuid7Ms(id);
  if (atMs === undefined) return undefined;
  const within = async (range: Pick<RowQuery, 'sinceMs' | 'untilMs'>) =>
    (await period.rows(log, { id, ...range, tagsWanted: [], descending: true, limit: 1 }))[0];
  // Nearly all ids are of the millisecond that they say.
  return (
    (await within({ sinceMs: atMs, untilMs: atMs + 1 })) ??
    within({ sinceMs: Math.max(0, atMs - aheadMs), untilMs: atMs })
  );
}
