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

/**
 * The session as text, without the end of its cookie: equal texts are equal sessions.
 *
 * @throws TypeError for what has no JSON (a cycle, a bigint)
 */
export function textOf(session: object): string {
  const { cookie, toJSON } = session as { readonly cookie?: unknown; readonly toJSON?: unknown };
  const plain = plainOf(cookie);
  if (!isObject(plain) || typeof toJSON === 'function') return JSON.stringify(session);
  // A copy with another cookie: JSON with a function that sees every value takes three times as long.
  return JSON.stringify({ ...session, cookie: withoutEnds(plain) });
}

function plainOf(cookie: unknown): unknown {
  const { toJSON } = Object(cookie) as { readonly toJSON?: unknown };
  return typeof toJSON === 'function' ? toJSON.call(cookie, 'cookie') : cookie;
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
  const { expires: _, originalExpires: __, ...rest } = cookie;
  return rest;
}

/** Whether the value is an object, and no list. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
