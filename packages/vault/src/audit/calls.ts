import type { Entry } from './entry.ts';
import { everyEntry, type EntryReader, type OnReached } from './every-entry.ts';
import { entryMatcher, type EntryFilter } from './filter.ts';

// An attempt and its outcome are entries of their own: the one is durable before the act, the other comes when it is over.
// Who asks wants both. Read from the newest, the outcome comes by first and is kept until its attempt does; read from the
// oldest, the attempt is. So no more is kept than was under way at one time.

/** An attempt and what came of it; without an outcome it was cut off, or is under way. */
export interface Call {
  readonly attempt: Entry;
  readonly outcome: Entry | undefined;
}

/** Which calls: what is said of attempts, of outcomes, or of both. Times are those of attempts. */
export interface CallFilter extends Omit<EntryFilter, 'id' | 'cause' | 'out'> {
  /** `none`: without an outcome. */
  readonly out?: EntryFilter['out'] | 'none' | undefined;
}

/** Attempts without an outcome that are kept at once; more are given as they are, the oldest first. */
const openMax = 100_000;

/** Calls that are meant, the newest attempt first. @throws Refusal those of the reader */
export function newestCalls(
  reader: EntryReader,
  filter: CallFilter,
  onReached?: OnReached,
): AsyncGenerator<readonly Call[]> {
  const { both } = partsOf(filter);
  return newestOf(everyEntry(reader, { ...both, order: 'newest' }, onReached), filter);
}

/**
 * Entries that come the newest first, as calls.
 *
 * @param outcomes by their causes; in the end those whose attempts did not come
 */
export async function* newestOf(
  pages: AsyncIterable<readonly Entry[]>,
  filter: CallFilter,
  outcomes = new Map<string, Entry>(),
): AsyncGenerator<readonly Call[]> {
  const { isMeant, isOutcomeMeant } = partsOf(filter);
  for await (const page of pages) {
    const calls: Call[] = [];
    for (const entry of page) {
      if (entry.cause !== undefined) outcomes.set(entry.cause, entry);
      else {
        const outcome = outcomes.get(entry.id);
        outcomes.delete(entry.id);
        if (isMeant(entry) && isOutcomeMeant(outcome)) calls.push({ attempt: entry, outcome });
      }
    }
    yield calls;
  }
}

/** Calls that are meant, the oldest attempt first: each waits for its outcome, and for those before it. @throws Refusal those of the reader */
export async function* oldestCalls(reader: EntryReader, filter: CallFilter): AsyncGenerator<readonly Call[]> {
  const { both, isMeant, isOutcomeMeant } = partsOf(filter);
  const { untilMs = Infinity } = filter;
  const waiting = new Map<string, Call>();
  const ready = (isReady: (call: Call) => boolean): Call[] => {
    const calls: Call[] = [];
    for (const [id, call] of waiting) {
      if (!isReady(call)) break;
      waiting.delete(id);
      if (isOutcomeMeant(call.outcome)) calls.push(call);
    }
    return calls;
  };
  for await (const page of everyEntry(reader, { ...both, order: 'oldest' })) {
    for (const entry of page) {
      const call = entry.cause === undefined ? undefined : waiting.get(entry.cause);
      if (call !== undefined) waiting.set(call.attempt.id, { ...call, outcome: entry });
      else if (entry.cause === undefined && isMeant(entry))
        waiting.set(entry.id, { attempt: entry, outcome: undefined });
    }
    yield ready(({ outcome }) => outcome !== undefined || waiting.size > openMax);
    if (waiting.size === 0 && (page.at(-1)?.ts ?? 0) > untilMs) return;
  }
  yield ready(() => true);
}

/** Calls that are meant, in the order in which they ended; at last those that did not. @throws Refusal those of the reader */
export function endedCalls(
  reader: EntryReader,
  filter: CallFilter,
  onReached?: OnReached,
): AsyncGenerator<readonly Call[]> {
  const { both } = partsOf(filter);
  return endedOf(everyEntry(reader, { ...both, order: 'oldest' }, onReached), filter);
}

async function* endedOf(
  pages: AsyncIterable<readonly Entry[]>,
  filter: CallFilter,
): AsyncGenerator<readonly Call[]> {
  const { isMeant, isOutcomeMeant } = partsOf(filter);
  const open = new Map<string, Entry>();
  const unended = (attempts: readonly Entry[]): Call[] =>
    isOutcomeMeant(undefined) ? attempts.map((attempt) => ({ attempt, outcome: undefined })) : [];
  for await (const page of pages) {
    const calls: Call[] = [];
    for (const entry of page) {
      if (entry.cause === undefined) {
        if (isMeant(entry)) open.set(entry.id, entry);
        continue;
      }
      const attempt = open.get(entry.cause);
      open.delete(entry.cause);
      if (attempt !== undefined && isOutcomeMeant(entry)) calls.push({ attempt, outcome: entry });
    }
    if (open.size > openMax) {
      const over = [...open.values()].slice(0, open.size - openMax);
      for (const { id } of over) open.delete(id);
      calls.push(...unended(over));
    }
    yield calls;
    if (open.size === 0 && (page.at(-1)?.ts ?? 0) > (filter.untilMs ?? Infinity)) return;
  }
  yield unended([...open.values()]);
}

/** A filter by what it says of either entry of a call. */
export function partsOf({ out, code, msMin, ...ofAttempt }: CallFilter) {
  const { tenant, request, sinceMs } = ofAttempt;
  const isOutcome = entryMatcher({ code, msMin, out: out === 'none' ? undefined : out });
  const open = out === 'none' || (out === undefined && code === undefined && msMin === undefined);
  return {
    isMeant: entryMatcher(ofAttempt),
    isOutcomeMeant: (outcome: Entry | undefined): boolean =>
      outcome === undefined ? open : out !== 'none' && isOutcome(outcome),
    // What both entries of a call carry. An outcome may lie behind the end of the time that is asked for.
    both: { tenant, request, sinceMs },
  };
}
