import type { Caller } from '../caller.ts';
import { abreast } from '../domain/abreast.ts';
import { refuse } from '../errors.ts';

// What is under way when a grant ends is ended with it: calls, streams, and whatever the fronts hold for a caller. A
// revocation is noticed as soon as it is heard of, and at the next round should it be heard of by nobody. A stream ends
// with its token as well, since a thief of the token could otherwise listen for as long as the grant stands; clients open
// it again with a fresh one.

/** Streams and callers that are watched. */
export interface Held {
  /** To be asked before a caller is let in, and given to `enter`. */
  mark(): Mark;
  /**
   * A request of this caller begins. They were let in at the mark; what they sent since may have taken long.
   *
   * @param still asked when something was revoked since
   * @returns to be called when it is over
   * @throws Refusal `unauthorized` when their access has ended since
   */
  enter(caller: Caller, mark: Mark, still: () => Promise<boolean>): (() => void) | Promise<() => void>;
  /** A front may hold something for the caller of a request that has begun, from now on. */
  holding(caller: Caller): void;
  /** A call is under way. @param end called when its grant ends @returns to be called when it is over */
  call(caller: Caller, end: () => void): () => void;
  /** A stream was opened; it ends with its token too. @returns to be called when it is over */
  stream(caller: Caller, end: () => void): () => void;
  /** End what no grant stands behind any more. */
  recheck(): Promise<void>;
  /** Watch no more. */
  close(): Promise<void>;
}

/** What watching needs. */
export interface HeldParts {
  /** Whether the caller's grant stands. Only asked of callers that have one. */
  readonly stands: (caller: Granted) => Promise<boolean>;
  /** Whether anything is held for a caller beside streams. */
  readonly holds: (caller: Caller) => boolean;
  /** End what is held for a caller. */
  readonly endOf: (caller: Caller) => Promise<void>;
  readonly onRevoked: (listener: () => void) => () => void;
  readonly failed: (error: unknown) => void;
  readonly everyMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** A moment in the order of revocations. */
export interface Mark {
  readonly revocations: number;
  readonly atMs: number;
}

interface Watched {
  readonly caller: Granted;
  /** How what is under way is ended. */
  readonly ends: Set<() => void>;
  /** Requests under way, each of which may leave something behind. */
  requests: number;
  /** Whether a front may hold something. What only passes through leaves nothing, and asking costs more than a call. */
  holding: boolean;
  /** The grant is over; what its last requests leave behind goes with them. */
  over: boolean;
}

type Granted = Caller & { readonly grant: string };

/** Whoever was let in longer ago is asked about again, whether a revocation was heard of or not. */
const freshMs = 1000;
/** Grants asked about at a time. */
const askedMax = 16;

/** Start watching. */
export function openHeld(parts: HeldParts): Held {
  const watched = new Map<string, Watched>();
  let revocations = 0;
  const { recheck, settled } = openRounds(() => round(watched, parts), parts);
  const look = (): void => void recheck().catch(parts.failed);
  const timer = setInterval(look, parts.everyMs).unref();
  const stopListening = parts.onRevoked(() => {
    revocations += 1;
    look();
  });
  const call = (caller: Caller, end: () => void): (() => void) => {
    const known = watch(watched, caller);
    if (known === undefined) return nothing;
    known.ends.add(end);
    // A round may have been here between this request's beginning and now.
    if (known.over) end();
    return () => void known.ends.delete(end);
  };
  return {
    mark: () => ({ revocations, atMs: parts.now() }),
    enter(caller, mark, still) {
      const known = watch(watched, caller);
      if (known === undefined) return nothing;
      known.requests += 1;
      const leave = (): void => left(watched, known, parts);
      const ageMs = parts.now() - mark.atMs;
      if (mark.revocations === revocations && ageMs >= 0 && ageMs < freshMs) return leave;
      return insist(still, leave);
    },
    holding(caller) {
      const known = watch(watched, caller);
      if (known !== undefined) known.holding = true;
    },
    call,
    stream(caller, end) {
      const stop = call(caller, end);
      if (caller.endsAtMs === undefined) return stop;
      const timer = setTimeout(end, caller.endsAtMs - parts.now()).unref();
      return () => {
        clearTimeout(timer);
        stop();
      };
    },
    recheck,
    async close() {
      clearInterval(timer);
      stopListening();
      await settled();
    },
  };
}

const nothing = (): void => undefined;

function watch(watched: Map<string, Watched>, caller: Caller): Watched | undefined {
  const { grant } = caller;
  if (grant === undefined) return undefined;
  const known = watched.get(grant);
  if (known !== undefined) return known;
  const fresh = {
    caller: { ...caller, grant },
    ends: new Set<() => void>(),
    requests: 0,
    holding: false,
    over: false,
  };
  watched.set(grant, fresh);
  return fresh;
}

/** One round at a time, and one more when something happens during one. */
function openRounds(work: () => Promise<void>, { failed }: Pick<HeldParts, 'failed'>) {
  let underway: Promise<void> | undefined;
  let again = false;
  const recheck = (): Promise<void> => {
    // What was revoked while a round was under way may have been read before.
    if (underway !== undefined) again = true;
    underway ??= work().finally(() => {
      underway = undefined;
      if (again) void recheck().catch(failed);
      again = false;
    });
    return underway;
  };
  return { recheck, settled: async () => underway };
}

async function insist(still: () => Promise<boolean>, leave: () => void): Promise<() => void> {
  try {
    if (await still()) return leave;
    throw refuse('unauthorized', 'the access that this request came with was ended');
  } catch (error) {
    leave();
    throw error;
  }
}

function round(watched: Map<string, Watched>, { holds, stands, endOf }: HeldParts): Promise<void> {
  return abreast(watched, askedMax, async ([grant, noted]) => {
    const { caller, ends } = noted;
    noted.holding &&= noted.requests > 0 || holds(caller);
    if (ends.size === 0 && noted.requests === 0 && !noted.holding) return void watched.delete(grant);
    noted.over = !(await stands(caller));
    if (!noted.over) return;
    for (const end of ends) end();
    await endOf(caller);
    if (noted.requests === 0) watched.delete(grant);
  });
}

/** What was being opened when the grant ended goes with the last request. */
function left(watched: Map<string, Watched>, noted: Watched, { endOf, failed }: HeldParts): void {
  noted.requests -= 1;
  if (!noted.over || noted.requests > 0) return;
  if (watched.get(noted.caller.grant) === noted) watched.delete(noted.caller.grant);
  endOf(noted.caller).catch(failed);
}
