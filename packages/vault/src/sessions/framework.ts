import type { SessionValue } from './session-value.ts';

// express-session asks its store to make the session of a request, from classes that it does not hand out. It does give
// the store a `generate` that makes an empty session: its classes are taken from there.

/** A request, as far as a session store looks at one. */
export interface SessionRequest {
  sessionID?: string;
  session?: unknown;
}

/** Makes an empty session of the request. */
export type Generate = (request: SessionRequest) => void;

/** Makes the request's session from a value that was read. */
export type Inflate = (request: SessionRequest, value: SessionValue) => object;

/**
 * Find the classes of express-session.
 *
 * @param request any request; it is not changed
 */
export function inflaterFrom(generate: Generate, request: SessionRequest): Inflate {
  const scratch = Object.create(request) as SessionRequest;
  generate(scratch);
  const empty = scratch.session as { readonly cookie: object };
  const Session = empty.constructor as new (request: SessionRequest, value: object) => object;
  const Cookie = empty.cookie.constructor as new (settings: object) => { originalMaxAge?: number | null };
  return (into, value) => {
    const cookie = new Cookie(value.cookie);
    // Setting `expires` has set it to what is left.
    cookie.originalMaxAge = value.cookie.originalMaxAge ?? null;
    const session = new Session(into, { ...value, cookie });
    into.session = session;
    return session;
  };
}
