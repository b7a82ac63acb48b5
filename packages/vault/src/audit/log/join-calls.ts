import { endedFlags } from '../leaf/call-flags.ts';
import type { LogEvent } from './events.ts';
import { rowOfId } from './row-of-id.ts';
import type { EndedRow, IndexRow, LogStep, Period } from './segments.ts';

// An attempt's row is the row of the call: it learns what came of it when the outcome is sealed, which mostly is in the same
// step. An outcome whose attempt stands in no row of this log keeps the name of its cause.

/**
 * The step, its rows joined as calls.
 *
 * @param events from which the step grew
 * @throws Refusal `store_unavailable`
 */
export async function joinCalls(
  period: Period,
  step: LogStep,
  events: readonly LogEvent[],
): Promise<LogStep> {
  const rows = new Map<string, IndexRow>(step.rows.map((row) => [row.id, row]));
  const ended: EndedRow[] = [];
  for (const { id, ts, ix, cause } of step.rows) {
    const end = events[ix - step.from]?.end;
    if (cause === undefined || end === undefined) continue;
    const own = rows.get(cause);
    const attempt = own ?? (step.from === 0 ? undefined : await rowOfId(period, step.log, cause));
    if (attempt === undefined || attempt.cause !== undefined) continue;
    rows.set(id, { id, ts, ix, tags: {}, flags: 0 });
    if (attempt.end !== undefined) continue;
    const flags = endedFlags(attempt.flags, end);
    const { tags } = end;
    if (own === undefined)
      ended.push({ attempt: { ts: attempt.ts, ix: attempt.ix }, end: { ix, ts }, tags, flags });
    else rows.set(cause, { ...own, flags, tags: { ...own.tags, ...tags }, end: { ix, ts } });
  }
  return { ...step, rows: [...rows.values()], ...(ended.length > 0 && { ended }) };
}
