import type { Caller } from '../caller.ts';

// What lasts longer than one call ends with the grant it was opened under: streams, and whatever the fronts hold for a
// caller. A revocation here is noticed at once, one elsewhere at the next round. A stream ends with its token as well,
// since a thief of the token could otherwise listen for as long as the grant stands; clients open it again with a fresh one.

/** Streams and callers that are watched. */
export interface Held {
  /** A stream was opened. @returns to be called when it is over */
  stream(caller: Caller, end: () => void): () => void;
  /** Something may be held for this caller from now on. @returns to be called when the request that may make it is over */
  note(caller: Caller): () => void;
  /** End what no grant stands behind any more. */
  recheck(): Promise<void>;
  /** Watch no more. */
  close(): Promise<void>;
}

/** What watching needs. */
export interface HeldParts {
  /** Whether the caller's grant stands. Only asked of callers that have one. */
  readonly stands: (caller: Caller & { readonly grant: string }) => Promise<boolean>;
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

interface Watched {
  readonly caller: Caller & { readonly grant: string };
  readonly streams: Set<() => void>;
  /** Requests under way, each of which may leave something behind. */
  requests: number;
}

/** Start watching. */
export function openHeld(parts: HeldParts): Held {
  const watched = new Map<string, Watched>();
  let underway: Promise<void> | undefined;
  let again = false;
  const recheck = (): Promise<void> => {
    // What was revoked while a round was under way may have been read before.
    if (underway !== undefined) again = true;
    underway ??= round(watched, parts).finally(() => {
      underway = undefined;
      if (again) void recheck().catch(parts.failed);
      again = false;
    });
    return underway;
  };
  const look = (): void => void recheck().catch(parts.failed);
  const timer = setInterval(look, parts.everyMs).unref();
  const stopListening = parts.onRevoked(look);
  const watch = (caller: Caller): Watched | undefined => {
    const { grant } = caller;
    if (grant === undefined) return undefined;
    const known = watched.get(grant) ?? { caller: { ...caller, grant }, streams: new Set(), requests: 0 };
    watched.set(grant, known);
    return known;
  };
  return {
    stream(caller, end) {
      const { streams } = watch(caller) ?? {};
      streams?.add(end);
      const timer =
        caller.endsAtMs === undefined ? undefined : setTimeout(end, caller.endsAtMs - parts.now()).unref();
      return () => {
        clearTimeout(timer);
        streams?.delete(end);
      };
    },
    note(caller) {
      const noted = watch(caller);
      if (noted === undefined) return () => undefined;
      noted.requests += 1;
      return () => void (noted.requests -= 1);
    },
    recheck,
    async close() {
      clearInterval(timer);
      stopListening();
      await underway;
    },
  };
}

async function round(watched: Map<string, Watched>, { holds, stands, endOf }: HeldParts): Promise<void> {
  for (const [grant, noted] of watched) {
    const { caller, streams } = noted;
    if (streams.size === 0 && noted.requests === 0 && !holds(caller)) {
      watched.delete(grant);
      continue;
    }
    if (await stands(caller)) continue;
    for (const end of streams) end();
    await endOf(caller);
    // What is being opened just now is ended by a later round.
    if (noted.requests === 0) watched.delete(grant);
  }
}
