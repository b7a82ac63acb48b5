import { newestOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import type { CallSource } from './call-source.ts';
import { placeOf } from './find-sealed.ts';
import type { PlacedRow } from './log-view.ts';

/** What the index does not count, or counts as what it is no more. */
export interface Uncounted {
  /** A call that is not sealed. */
  readonly call: (call: Call) => void;
  /** An attempt of the index, without an end there, whose outcome stands elsewhere. `late`: in another log. */
  readonly ended: (placed: PlacedRow, outcome: () => Promise<Entry>, from: 'late' | 'tail') => Promise<void>;
}

/** Tell what counts of the index lack. @throws Refusal as `callSource`, `open_failed` */
export async function tellUncounted(
  source: CallSource,
  filter: CallFilter,
  { call, ended }: Uncounted,
): Promise<void> {
  const { sinceMs = -Infinity, untilMs = Infinity } = filter;
  const told = new Set<string>();
  const tell = async (scope: string, cause: string, from: 'late' | 'tail', outcome: () => Promise<Entry>) => {
    if (told.has(cause)) return;
    const placed = await placeOf(source, cause, scope);
    if (placed === undefined || placed.row.end !== undefined || placed.ts < sinceMs || placed.ts > untilMs)
      return;
    told.add(cause);
    await ended(placed, outcome, from);
  };
  for (const place of source.view.logs)
    for (const { cause, ix } of await source.caused(place))
      await tell(place.log.scope, cause, 'late', () => source.entry(place, ix));
  const outcomes = new Map<string, Entry>();
  for await (const calls of newestOf(source.tail('newest'), filter, outcomes))
    for (const each of calls) {
      const { attempt, outcome } = each;
      const isCounted =
        source.view.overlaps && (await placeOf(source, attempt.id, attempt.tenant)) !== undefined;
      if (!isCounted) call(each);
      else if (outcome !== undefined) outcomes.set(attempt.id, outcome);
    }
  for (const [cause, outcome] of outcomes) await tell(outcome.tenant, cause, 'tail', async () => outcome);
}
