import { refuse } from '../errors.ts';

// One step of a redirect (Fetch standard §4.4, made stricter). Across origins only a few harmless headers go along: a list
// of what to drop would miss the next header that somebody invents for a key. What was dropped never comes back.

/** One request of a chain. */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | null;
}

const harmless = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'mcp-protocol-version',
  'user-agent',
]);
const describesBody = /^content-/;
const redirects = new Set([301, 302, 303, 307, 308]);

/** Whether an answer of this status sends the client elsewhere, given a `Location`. */
export function isRedirect(status: number): boolean {
  return redirects.has(status);
}

/**
 * Where to go next.
 *
 * @param location the header's text
 * @throws Refusal `redirect_forbidden`: from `https:` to anything else, with a body to another origin, or to no address
 */
export function nextHop(hop: Hop, status: number, location: string): Hop {
  const url = URL.parse(location, hop.url);
  if (url === null) throw forbidden('the redirect leads to no address', hop.url);
  url.hash = '';
  if (hop.url.protocol === 'https:' && url.protocol !== 'https:')
    throw forbidden('the redirect leads away from https', url);
  const becomesGet =
    (status === 303 && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST');
  const next = becomesGet ? withoutBody({ ...hop, url }) : { ...hop, url };
  if (url.origin === hop.url.origin) return next;
  if (next.body !== null) throw forbidden('the redirect would take the request body to another origin', url);
  return { ...next, headers: kept(next.headers, (name) => harmless.has(name)) };
}

function withoutBody(hop: Hop): Hop {
  return {
    ...hop,
    method: 'GET',
    body: null,
    headers: kept(hop.headers, (name) => !describesBody.test(name)),
  };
}

function kept(headers: Hop['headers'], keep: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => keep(name)));
}

function forbidden(message: string, { origin }: URL): Error {
  return refuse('redirect_forbidden', message, origin);
}
