import type { CallHints } from '../call-reader.ts';
import { newestOf, partsOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { callSource, type SealedCallParts } from './call-source.ts';
import { mergedInTime, type TimedSource } from './merge-in-time.ts';
import { itemsOf, openedCalls, type CallItem } from './opened-calls.ts';

/** Calls of the sealed log and of what is not sealed yet, the newest attempt first. @throws Refusal as `callSource`, `open_failed` */
export async function* newestSealed(
  parts: SealedCallParts,
  filter: CallFilter,
  hints: CallHints,
): AsyncGenerator<readonly Call[]> {
  const source = await callSource(parts, filter);
  const outcomes = new Map<string, Entry>();
  // It comes to its end before an attempt that stands in a log, so all outcomes are known then.
  const tail: TimedSource<CallItem> = {
    async *pages() {
      for await (const calls of newestOf(source.tail('newest'), filter, outcomes)) yield itemsOf(calls);
    },
    untilMs: Infinity,
  };
  const items = mergedInTime([tail, ...(await source.rows(hints, true))], true);
  yield* openedCalls(source, items, outcomes, partsOf(filter).isOutcomeMeant);
}
