import type { Call } from '../calls.ts';
import type { Entry } from '../entry.ts';
import type { CallSource } from './call-source.ts';
import type { PlacedRow } from './log-view.ts';
import type { Timed } from './merge-in-time.ts';

/** An attempt that stands in a log, or a call that is not sealed yet. */
export type CallItem = PlacedRow | (Timed & { readonly call: Call });

/** Calls that are opened before the first of them are given. */
const callsAtOnce = 50;

/** Calls that are not sealed, as items. */
export function itemsOf(calls: readonly Call[]): readonly CallItem[] {
  return calls.map((call) => ({ ts: call.attempt.ts, id: call.attempt.id, call }));
}

/**
 * Calls of items, as they come, some at a time. What is not sealed is meant already.
 *
 * @param outcomes those that are not sealed, by their causes: all that there are, once an item stands in a log
 * @throws Refusal as `CallSource.entry`; whatever the items throw
 */
export async function* openedCalls(
  source: CallSource,
  pages: AsyncIterable<readonly CallItem[]>,
  outcomes: ReadonlyMap<string, Entry>,
  isOutcomeMeant: (outcome: Entry | undefined) => boolean,
): AsyncGenerator<readonly Call[]> {
  for await (const items of pages)
    for (let at = 0; at === 0 || at < items.length; at += callsAtOnce) {
      const calls: Call[] = [];
      for (const item of items.slice(at, at + callsAtOnce)) {
        const call = 'call' in item ? item.call : await callOf(source, item, outcomes, isOutcomeMeant);
        if (call !== undefined) calls.push(call);
      }
      yield calls;
    }
}

/** The call of an attempt that stands in a log. The outcome first: it costs less, and tells of many that they are not meant. */
async function callOf(
  source: CallSource,
  placed: PlacedRow,
  outcomes: ReadonlyMap<string, Entry>,
  isOutcomeMeant: (outcome: Entry | undefined) => boolean,
): Promise<Call | undefined> {
  const ended = await source.outcomePlace(placed);
  const outcome = ended === undefined ? outcomes.get(placed.id) : await source.entry(ended.at, ended.ix);
  if (!isOutcomeMeant(outcome)) return undefined;
  const attempt = await source.attempt(placed);
  return attempt && { attempt, outcome };
}
