import { endedFlags } from '../leaf/call-flags.ts';
import type { LogEvent } from './events.ts';
import { rowOfId } from './row-of-id.ts';
import type { EndedRow, LogStep, Period } from './segments.ts';

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
  const rows = [...step.rows];
  const places = new Map<string, number>(rows.map(({ id }, place) => [id, place]));
  const ended: EndedRow[] = [];
  for (const [place, { id, ts, ix, cause }] of step.rows.entries()) {
    const end = events[ix - step.from]?.end;
    if (cause === undefined || end === undefined) continue;
    const ownPlace = places.get(cause);
    const own = ownPlace === undefined ? undefined : rows[ownPlace];
    const attempt = own ?? (step.from === 0 ? undefined : await rowOfId(period, step.log, cause));
    if (attempt === undefined || attempt.cause !== undefined) continue;
    rows[place] = { id, ts, ix, tags: {}, flags: 0 };
    if (attempt.end !== undefined) continue;
    const flags = endedFlags(attempt.flags, end);
    const { tags } = end;
    if (ownPlace === undefined)
      ended.push({ attempt: { ts: attempt.ts, ix: attempt.ix }, end: { ix, ts }, tags, flags });
    else rows[ownPlace] = { ...attempt, flags, tags: { ...attempt.tags, ...tags }, end: { ix, ts } };
  }
  return { ...step, rows, ...(ended.length > 0 && { ended }) };
}
