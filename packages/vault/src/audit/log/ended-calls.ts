import { partsOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import type { OnReached } from '../every-entry.ts';
import { callSource, type CallSource, type OutcomePlace, type SealedCallParts } from './call-source.ts';
import type { PlacedRow } from './log-view.ts';
import { mergedInTime, type Timed, type TimedSource } from './merge-in-time.ts';

// Read by the times of attempts and of what is not sealed yet, given by those of outcomes: a call waits until no other can have
// ended before it.

/** Entries that are read before the sealed ones, so that they are still in the journal when they are wanted. */
const aheadMax = 100_000;
/** Attempts without an outcome that are kept at once; more are given as they are, the oldest first. */
const openMax = 100_000;

/** An attempt that stands in a log, or an entry that is not sealed yet. */
type Item = PlacedRow | (Timed & { readonly entry: Entry });

/** A call that ended, with the outcome, and what is known of the attempt. */
type Waiting = { readonly ts: number } & (
  { readonly placed: PlacedRow; readonly end: OutcomePlace } | { readonly call: Ended }
);

type Ended = Call & { readonly outcome: Entry };

/** Calls of the sealed log and of what is not sealed yet, in the order in which they ended. @throws Refusal as `callSource`, `open_failed` */
export async function* endedSealed(
  parts: SealedCallParts,
  filter: CallFilter,
  onReached: OnReached = () => undefined,
): AsyncGenerator<readonly Call[]> {
  const source = await callSource(parts, filter);
  const tail = itemsOf(await readAhead(source.tail('oldest')));
  const of = source.view.logs.reduce((sum, { log }) => sum + log.size, 0);
  const ending = openEnding(source, filter);
  let entry = 0;
  const sources: readonly TimedSource<Item>[] = [...(await source.rows({}, false)), tail];
  for await (const items of mergedInTime(sources, false)) {
    for (const item of items) entry += await ending.take(item);
    onReached({ entry: Math.min(entry, of), of });
    const atMs = items.at(-1)?.ts ?? -Infinity;
    yield await ending.before(atMs);
    if (atMs > (filter.untilMs ?? Infinity) && ending.isOver()) return;
  }
  onReached({ entry: of, of });
  yield await ending.before(Infinity);
  yield ending.unended(0);
}

/** Calls on their way from attempt to outcome. */
function openEnding(source: CallSource, filter: CallFilter) {
  const { isMeant, isOutcomeMeant } = partsOf(filter);
  const open = new Map<string, Entry>();
  let waiting: Waiting[] = [];
  const begin = (attempt: Entry | undefined): void => void (attempt && open.set(attempt.id, attempt));
  const unended = (kept: number): Call[] => {
    const over = [...open.values()].slice(0, Math.max(0, open.size - kept));
    for (const { id } of over) open.delete(id);
    return isOutcomeMeant(undefined) ? over.map((attempt) => ({ attempt, outcome: undefined })) : [];
  };
  return {
    /** @returns entries of the logs that it is */
    async take(item: Item): Promise<number> {
      if ('entry' in item) {
        const { entry } = item;
        const attempt = entry.cause === undefined ? undefined : open.get(entry.cause);
        if (entry.cause === undefined) begin(isMeant(entry) ? entry : undefined);
        else open.delete(entry.cause);
        if (attempt !== undefined && isOutcomeMeant(entry))
          waiting.push({ ts: entry.ts, call: { attempt, outcome: entry } });
        return 0;
      }
      const end = await source.outcomePlace(item);
      if (end === undefined) begin(await source.attempt(item));
      else waiting.push({ ts: end.ts, placed: item, end });
      return end === undefined ? 1 : 2;
    },
    /** Those that ended before, in order, and what is too much to be kept. */
    async before(atMs: number): Promise<readonly Call[]> {
      const over = waiting.filter(({ ts }) => ts < atMs);
      waiting = waiting.filter(({ ts }) => ts >= atMs);
      const calls: Ended[] = [];
      for (const each of over) {
        if ('call' in each) {
          calls.push(each.call);
          continue;
        }
        const { placed, end } = each;
        const outcome = await source.entry(end.at, end.ix);
        if (!isOutcomeMeant(outcome)) continue;
        const attempt = await source.attempt(placed);
        if (attempt !== undefined) calls.push({ attempt, outcome });
      }
      return [...calls.toSorted(byEnd), ...unended(openMax)];
    },
    unended,
    isOver: () => open.size === 0 && waiting.length === 0,
  };
}

function byEnd({ outcome: a }: Ended, { outcome: b }: Ended): number {
  return a.ts - b.ts || (a.id < b.id ? -1 : 1);
}

function itemsOf(pages: AsyncIterable<readonly Entry[]>): TimedSource<Item> {
  const items = async function* (): AsyncGenerator<readonly Item[]> {
    for await (const page of pages) yield page.map((entry) => ({ ts: entry.ts, id: entry.id, entry }));
  };
  return { pages: items, untilMs: Infinity };
}

async function readAhead(pages: AsyncGenerator<readonly Entry[]>): Promise<AsyncIterable<readonly Entry[]>> {
  const ahead: (readonly Entry[])[] = [];
  for (let count = 0; count < aheadMax;) {
    const next = await pages.next();
    if (next.done === true) break;
    ahead.push(next.value);
    count += next.value.length;
  }
  return (async function* () {
    yield* ahead;
    yield* pages;
  })();
}
