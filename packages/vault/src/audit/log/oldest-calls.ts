import { newestOf, partsOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { callSource, type SealedCallParts } from './call-source.ts';
import { mergedInTime, type TimedSource } from './merge-in-time.ts';
import { itemsOf, openedCalls, type CallItem } from './opened-calls.ts';

/**
 * Calls of the sealed log and of what is not sealed yet, the oldest attempt first. What is not sealed is read at once, for its
 * outcomes may be of attempts that are, and is held until its turn comes.
 *
 * @throws Refusal as `callSource`, `open_failed`
 */
export async function* oldestSealed(
  parts: SealedCallParts,
  filter: CallFilter,
): AsyncGenerator<readonly Call[]> {
  const source = await callSource(parts, filter);
  const outcomes = new Map<string, Entry>();
  const unsealed: Call[] = [];
  for await (const calls of newestOf(source.tail('newest'), filter, outcomes)) unsealed.push(...calls);
  const tail: TimedSource<CallItem> = {
    async *pages() {
      yield itemsOf(unsealed.toReversed());
    },
    untilMs: Infinity,
  };
  const items = mergedInTime([tail, ...(await source.rows({}, false))], false);
  yield* openedCalls(source, items, outcomes, partsOf(filter).isOutcomeMeant);
}
