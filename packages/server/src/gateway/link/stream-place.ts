import { hash } from 'node:crypto';
import type { Position } from '../front/target.ts';

// How far the stream of one session was read. What is said on it goes with the place where it was said, so that whoever
// writes it down knows from where somebody else has to go on; what is said to nobody moves the place, too.

/** The place in one session's stream. */
export interface StreamPlace {
  /** For `Last-Event-ID`; `undefined`: from now on. */
  lastEventId(): string | undefined;
  /** Where the stream stands; `undefined`: nobody else could go on from there. */
  at(): Position | undefined;
  /** Where it stood when nothing had been said to anybody yet; `undefined` when that is no place to go on from. */
  unsaid(): Position | undefined;
  /** An event was read. @param id `undefined`: it has none; @param empty it carries nothing that could be said */
  read(id: string | undefined, empty: boolean): void;
  /** Something was said to somebody at this place. */
  said(): void;
  /** The upstream does not know the place. */
  forget(): void;
}

/** Ids of upstreams are any text; these can be kept beside every event and sent in a header. */
const fit = /^[\x21-\x7e]([\x20-\x7e]{0,510}[\x21-\x7e])?$/;

/**
 * Begin at the beginning of a session's stream, or where somebody else was.
 *
 * @param sessionId `undefined`: the upstream has no sessions, and nobody can go on with one
 */
export function openPlace(upstream: string, sessionId: string | undefined, from?: Position): StreamPlace {
  const session = sessionId === undefined ? undefined : nameOfSession(sessionId);
  const start = from?.session === session ? from : undefined;
  let last = start?.id;
  let read = start?.read ?? 0;
  let unsaid = start;
  let quiet = true;
  const at = (): Position | undefined =>
    session === undefined || last === undefined || !fit.test(last)
      ? undefined
      : { upstream, session, id: last, read };
  return {
    lastEventId: () => last,
    at,
    unsaid: () => unsaid,
    read(id, empty) {
      // What this event carries may be said: only what came before it was certainly not.
      if (quiet) unsaid = at();
      if (id === undefined) return;
      // An empty id takes the last one back (WHATWG HTML, server-sent events).
      last = id === '' ? undefined : id;
      read += 1;
      if (quiet && empty) unsaid = at();
    },
    said() {
      quiet = false;
    },
    forget() {
      last = undefined;
    },
  };
}

/** Names a session of an upstream. */
export function nameOfSession(sessionId: string): string {
  return hash('sha256', sessionId, 'base64url').slice(0, 16);
}

/** The further one of two places in the same session. @param kept what is taken when they are of different sessions */
export function furtherOf(kept: Position | undefined, other: Position | undefined): Position | undefined {
  if (kept === undefined || other === undefined) return kept ?? other;
  return kept.session === other.session && other.read > kept.read ? other : kept;
}
