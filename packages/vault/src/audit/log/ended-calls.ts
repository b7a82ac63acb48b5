import { endedOf, partsOf, type Call, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import type { OnReached } from '../every-entry.ts';
import { callSource, type OutcomePlace, type SealedCallParts } from './call-source.ts';
import type { PlacedRow } from './log-view.ts';
import { mergedInTime } from './merge-in-time.ts';

// Read by the times of attempts, given by those of outcomes: a call waits until no other can have ended before it.

/** Entries that are read before the sealed ones, so that they are still in the journal when they are wanted. */
const aheadMax = 100_000;

interface Waiting {
  readonly placed: PlacedRow;
  readonly end: OutcomePlace;
}

/** Calls of the sealed log and of what is not sealed yet, in the order in which they ended. @throws Refusal as `callSource`, `open_failed` */
export async function* endedSealed(
  parts: SealedCallParts,
  filter: CallFilter,
  onReached: OnReached = () => undefined,
): AsyncGenerator<readonly Call[]> {
  const source = await callSource(parts, filter);
  const { isMeant, isOutcomeMeant } = partsOf(filter);
  const tail = await readAhead(source.tail('oldest'));
  const of = source.view.logs.reduce((sum, { log }) => sum + log.size, 0);
  const open = new Map<string, Entry>();
  const opened = async (waiting: readonly Waiting[]): Promise<Call[]> => {
    const calls: Call[] = [];
    for (const { placed, end } of waiting) {
      const outcome = await source.entry(end.at, end.ix);
      if (!isOutcomeMeant(outcome)) continue;
      const attempt = await source.entry(placed, placed.row.ix);
      if (isMeant(attempt)) calls.push({ attempt, outcome });
    }
    return calls.toSorted(byEnd);
  };
  let waiting: Waiting[] = [];
  let entry = 0;
  for await (const items of mergedInTime(await source.rows({}, false), false)) {
    for (const placed of items) {
      const end = await source.outcomePlace(placed);
      entry += end === undefined ? 1 : 2;
      if (end !== undefined) waiting.push({ placed, end });
      else {
        const attempt = await source.entry(placed, placed.row.ix);
        if (isMeant(attempt)) open.set(attempt.id, attempt);
      }
    }
    const atMs = items.at(-1)?.ts ?? -Infinity;
    const over = waiting.filter(({ end }) => end.ts < atMs);
    waiting = waiting.filter(({ end }) => end.ts >= atMs);
    onReached({ entry: Math.min(entry, of), of });
    yield await opened(over);
  }
  onReached({ entry: of, of });
  yield await opened(waiting);
  yield* endedOf(tail, filter, open);
}

function byEnd({ outcome: a }: Call, { outcome: b }: Call): number {
  return a!.ts - b!.ts || (a!.id < b!.id ? -1 : 1);
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
