import type { CallHints } from '../call-reader.ts';
import { newestOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { callMatcher, callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import type { PlacedRow } from './log-view.ts';
import { mergedInTime, type Timed, type TimedSource } from './merge-in-time.ts';

/** An attempt that stands in a log, or a call that is not sealed yet. */
type Item = PlacedRow | (Timed & { readonly call: Call });

/** Calls that are opened before the first of them are given. */
const callsAtOnce = 50;

/** Calls of the sealed log and of what is not sealed yet, the newest attempt first. @throws Refusal as `callSource`, `open_failed` */
export async function* newestSealed(
  parts: SealedCallParts,
  filter: CallFilter,
  hints: CallHints,
): AsyncGenerator<readonly Call[]> {
  const source = await callSource(parts, filter);
  const isMeant = callMatcher(filter);
  const outcomes = new Map<string, Entry>();
  // It comes to its end before an attempt that stands in a log, so all outcomes are known then.
  const tail: TimedSource<Item> = {
    pages: () => itemsOf(newestOf(source.tail('newest'), filter, outcomes)),
    untilMs: Infinity,
  };
  for await (const items of mergedInTime<Item>([tail, ...(await source.rows(hints, true))], true))
    for (let at = 0; at === 0 || at < items.length; at += callsAtOnce) {
      const calls: Call[] = [];
      for (const item of items.slice(at, at + callsAtOnce)) {
        const call = 'call' in item ? item.call : await callOf(source, item, outcomes);
        if (isMeant(call)) calls.push(call);
      }
      yield calls;
    }
}

async function* itemsOf(pages: AsyncIterable<readonly Call[]>): AsyncGenerator<readonly Item[]> {
  for await (const calls of pages)
    yield calls.map((call) => ({ ts: call.attempt.ts, id: call.attempt.id, call }));
}

async function callOf(
  source: CallSource,
  placed: PlacedRow,
  outcomes: ReadonlyMap<string, Entry>,
): Promise<Call> {
  const ended = await source.outcomePlace(placed);
  const attempt = await source.entry(placed, placed.row.ix);
  const outcome = ended === undefined ? outcomes.get(placed.id) : await source.entry(ended.at, ended.ix);
  return { attempt, outcome };
}
