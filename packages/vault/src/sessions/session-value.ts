// A session as the frameworks have it: an object that becomes JSON, with the cookie's settings under `cookie`. Its end
// travels beside it, so that a session that only lives longer is not written anew.

/** A session that was read. What the application keeps in it lies beside `cookie`. */
export interface SessionValue {
  cookie: SessionCookie;
  // What an application keeps is its own business.
  // eslint-disable-next-line typescript/no-explicit-any
  [name: string]: any;
}

/** The settings of a session's cookie, as express-session and `@fastify/session` write them. */
export interface SessionCookie {
  /** Milliseconds; `null` or `undefined`: the cookie ends with the browser. */
  originalMaxAge?: number | null;
  expires?: Date | null;
  [setting: string]: unknown;
}

const ends = ['expires', 'originalExpires'];

/**
 * The session as text, without the end of its cookie: equal texts are equal sessions.
 *
 * @throws TypeError for what has no JSON (a cycle, a bigint)
 */
export function textOf(session: object): string {
  return JSON.stringify(session, function (this: unknown, name, value: unknown) {
    return this === session && name === 'cookie' && isObject(value) ? withoutEnds(value) : value;
  });
}

/** When the session ends by its own cookie, in milliseconds since 1970; a session without an end lives for `ttlMs`. */
export function endOf(session: object, nowMs: number, ttlMs: number): number {
  const { cookie } = session as { readonly cookie?: unknown };
  if (!isObject(cookie)) return nowMs + ttlMs;
  const { expires, originalMaxAge } = cookie;
  if (expires instanceof Date || typeof expires === 'string') {
    const atMs = new Date(expires).getTime();
    if (!Number.isNaN(atMs)) return atMs;
  }
  return nowMs + Math.ceil(typeof originalMaxAge === 'number' ? originalMaxAge : ttlMs);
}

/** Whether the browser keeps the cookie until an end, or only until it is closed. */
export function hasEnd(session: object): boolean {
  const { cookie } = session as { readonly cookie?: unknown };
  return isObject(cookie) && (cookie['expires'] ?? cookie['originalMaxAge'] ?? undefined) !== undefined;
}

/** A session from its text and its end. */
export function valueFrom(text: string, endsAtMs: number, ended: boolean): SessionValue {
  const value = JSON.parse(text) as { cookie?: unknown };
  const cookie = isObject(value.cookie) ? value.cookie : {};
  return Object.assign(value, { cookie: { ...cookie, expires: ended ? new Date(endsAtMs) : null } });
}

function withoutEnds(cookie: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(cookie).filter(([name]) => !ends.includes(name)));
}

/** Whether the value is an object, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
