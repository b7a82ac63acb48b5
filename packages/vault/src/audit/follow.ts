import type { CallReader } from './call-reader.ts';
import type { CallFilter } from './calls.ts';
import type { Entry } from './entry.ts';
import type { EntryReader } from './every-entry.ts';
import { entryMatcher } from './filter.ts';

/** Attempts whose outcome is waited for; of more, the oldest are given up. */
const waitingMax = 100_000;
/** Longer than it takes from an entry's time to its place in the journal. */
const underWayMs = 10_000;

/** Which entries are followed. */
export type FollowFilter = Omit<CallFilter, 'out' | 'code' | 'msMin' | 'untilMs'>;

/** What is followed. */
export interface Followed {
  readonly journal: EntryReader;
  /** Has what the journal holds no more. */
  readonly calls: Pick<CallReader, 'ended'>;
  /** By the clock of the journal, in milliseconds since 1970. */
  readonly nowMs: number;
}

/**
 * Attempts that are meant and their outcomes: those that are there, call by call, and then as they come, until it is stopped. An
 * empty page now and then: whoever has gone is noticed.
 *
 * @param filter from now on when it names no time
 * @param pause waited for when nothing more is there
 * @throws Refusal those of the readers
 */
export async function* followEntries(
  { journal, calls, nowMs }: Followed,
  filter: FollowFilter,
  pause: () => Promise<unknown>,
): AsyncGenerator<readonly Entry[]> {
  const { tenant, request, sinceMs = nowMs } = filter;
  const from = Math.max(sinceMs, nowMs - underWayMs);
  const taking = openTaking(filter, from);
  if (sinceMs < nowMs)
    for await (const page of calls.ended({ ...filter, sinceMs }))
      yield page.flatMap(({ attempt, outcome }) => taking.there(attempt, outcome));
  // What both entries of a call carry; the rest is said of attempts alone.
  const asked = { tenant, request, sinceMs: from, order: 'oldest', follow: true, limit: 1000 } as const;
  let cursor: string | undefined;
  for (;;) {
    const page = await journal.page({ ...asked, ...(cursor === undefined ? {} : { cursor }) });
    cursor = page.cursor;
    yield page.entries.filter(taking.comes);
    const { entry, of } = page.reached;
    if (entry === 0 || entry >= of) await pause();
  }
}

/** @param from what was there and is not older comes once more */
function openTaking(filter: FollowFilter, from: number) {
  const isMeant = entryMatcher({ ...filter, sinceMs: filter.sinceMs ?? from });
  const waiting = new Set<string>();
  const given = new Set<string>();
  const wait = ({ id }: Entry): void => {
    waiting.add(id);
    if (waiting.size <= waitingMax) return;
    const [oldest] = waiting;
    waiting.delete(oldest!);
  };
  return {
    there(attempt: Entry, outcome: Entry | undefined): readonly Entry[] {
      const entries = outcome === undefined ? [attempt] : [attempt, outcome];
      if (outcome === undefined) wait(attempt);
      for (const { id, ts } of entries) if (ts >= from) given.add(id);
      return entries;
    },
    comes(entry: Entry): boolean {
      if (given.delete(entry.id)) return false;
      if (entry.cause !== undefined) return waiting.delete(entry.cause);
      if (!isMeant(entry)) return false;
      wait(entry);
      return true;
    },
  };
}
