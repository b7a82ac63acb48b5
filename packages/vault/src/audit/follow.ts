import type { CallFilter } from './calls.ts';
import type { Entry } from './entry.ts';
import type { EntryReader } from './every-entry.ts';
import { entryMatcher } from './filter.ts';

/** Attempts whose outcome is waited for; of more, the oldest are given up. */
const waitingMax = 100_000;

/**
 * Attempts that are meant and their outcomes, as they come, until it is stopped. An empty page now and then: whoever has
 * gone is noticed.
 *
 * @param pause waited for when nothing more is there
 * @throws Refusal those of the reader
 */
export async function* followEntries(
  reader: EntryReader,
  filter: Omit<CallFilter, 'out' | 'code' | 'msMin' | 'untilMs'>,
  pause: () => Promise<unknown>,
): AsyncGenerator<readonly Entry[]> {
  const { tenant, request, sinceMs } = filter;
  const isMeant = entryMatcher(filter);
  const waiting = new Set<string>();
  const take = (entry: Entry): boolean => {
    if (entry.cause !== undefined) return waiting.delete(entry.cause);
    if (!isMeant(entry)) return false;
    waiting.add(entry.id);
    if (waiting.size > waitingMax) for (const id of waiting) return waiting.delete(id);
    return true;
  };
  // What both entries of a call carry; the rest is said of attempts alone.
  const asked = { tenant, request, sinceMs, order: 'oldest', follow: true, limit: 1000 } as const;
  let cursor: string | undefined;
  for (;;) {
    const page = await reader.page({ ...asked, ...(cursor === undefined ? {} : { cursor }) });
    cursor = page.cursor;
    yield page.entries.filter(take);
    const { entry, of } = page.reached;
    if (entry === 0 || entry >= of) await pause();
  }
}
