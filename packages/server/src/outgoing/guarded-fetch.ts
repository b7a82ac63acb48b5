import { Refusal } from '@sealgate/vault';
import { Client, type Dispatcher } from 'undici';
import { refuse } from '../errors.ts';
import { readBody, tooLarge } from './answer-body.ts';
import { guardedConnector, type Lookup } from './connector.ts';
import { isRedirect, nextHop, type Hop } from './redirect.ts';
import { checkTarget, reachOf, type Allowed } from './target.ts';

// The one way to a URL that came from outside. Each hop is judged by its text, then by its addresses, and has a
// connection of its own that ends with it: what was judged is what is asked, and nothing stays open for whoever comes
// next. docs/outgoing.md has the rules.

const hopsMax = 4;
const headerBytesMax = 16 * 1024;
const connectMsMax = 5_000;

/** What bounds a {@link GuardedFetch}. */
export interface GuardedFetchSettings {
  /** Nothing but `https:` to the public network when empty. */
  readonly allow: Allowed;
  /** The system's resolver when left out. */
  readonly lookup?: Lookup;
  /** Largest body, encoded or decoded. */
  readonly bytesMax: number;
  /** Longest time from the call to the last byte of the body, over all redirects. */
  readonly timeoutMs: number;
}

/**
 * `fetch` for addresses that somebody else chose. The answer has been read whole, decoded, and its `url` says where it came
 * from. Redirects: `follow` (at most 3), `manual` and `error` as in the Fetch standard. Request headers that frame the
 * message or speak to proxies are dropped.
 *
 * @throws Refusal `address_forbidden`, `answer_too_large`, `fetch_failed`, `fetch_timeout`, `redirect_forbidden`. Which of
 *   them it was tells a stranger about the network inside: answer strangers the same for all.
 */
export type GuardedFetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** Holds no connection between calls, so there is nothing to close. */
export function openGuardedFetch(settings: GuardedFetchSettings): GuardedFetch {
  const connect = guardedConnector({
    reach: (hostname) => reachOf(hostname, settings.allow),
    ...(settings.lookup === undefined ? {} : { lookup: settings.lookup }),
    connectMs: Math.min(settings.timeoutMs, connectMsMax),
  });
  return async (input, init) => {
    const late = AbortSignal.timeout(settings.timeoutMs);
    let caller: AbortSignal | undefined;
    try {
      const request = requestOf(input, init, settings.allow);
      caller = request.signal;
      const signal = AbortSignal.any([late, caller]);
      return await follow(await firstHop(request), request.redirect, { settings, connect, signal });
    } catch (error) {
      // Whoever aborted knows why, as with any fetch.
      if (caller?.aborted === true) throw caller.reason;
      throw refusalOf(error, late, settings);
    }
  };
}

async function follow(first: Hop, redirect: Request['redirect'], asking: Asking): Promise<Response> {
  let hop = first;
  for (let hops = 1; ; hops++) {
    const found = await ask(hop, asking);
    const location = found.headers.get('location');
    if (!isRedirect(found.status) || location === null || redirect === 'manual') return found;
    if (redirect === 'error')
      throw refuse('redirect_forbidden', 'the address redirects, which is not allowed here');
    if (hops === hopsMax)
      throw refuse('redirect_forbidden', `the address redirects more than ${hopsMax - 1} times`);
    hop = nextHop(hop, found.status, location);
    checkTarget(hop.url, asking.settings.allow);
  }
}

interface Asking {
  readonly settings: GuardedFetchSettings;
  readonly connect: ReturnType<typeof guardedConnector>;
  readonly signal: AbortSignal;
}

async function ask(hop: Hop, { settings, connect, signal }: Asking): Promise<Response> {
  signal.throwIfAborted();
  const client = new Client(hop.url.origin, {
    connect,
    // One request, and the connection ends with it.
    pipelining: 0,
    allowH2: false,
    maxHeaderSize: headerBytesMax,
    maxResponseSize: settings.bytesMax,
    headersTimeout: settings.timeoutMs,
    bodyTimeout: settings.timeoutMs,
  });
  // Not undici's own `signal`, which is heard only once the connection stands. Nor is the end awaited: it comes after the
  // connection that is being made, which the connector bounds.
  const stop = (): void => void client.destroy(new Error('broken off'));
  signal.addEventListener('abort', stop);
  try {
    const { pathname, search } = hop.url;
    const answer = await client.request({
      path: `${pathname}${search}`,
      method: hop.method as Dispatcher.HttpMethod,
      headers: hop.headers,
      body: hop.body,
    });
    return await responseOf(answer, hop, settings.bytesMax);
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

async function responseOf(answer: Dispatcher.ResponseData, hop: Hop, bytesMax: number): Promise<Response> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(answer.headers))
    for (const each of [value ?? []].flat()) headers.append(name, each);
  const empty = hop.method === 'HEAD' || [204, 205, 304].includes(answer.statusCode);
  if (!empty && Number(headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax);
  const body = await readBody(answer.body, empty ? '' : (headers.get('content-encoding') ?? ''), bytesMax);
  for (const name of ['content-encoding', 'content-length', 'transfer-encoding', 'connection'])
    headers.delete(name);
  const response = new Response(empty ? null : new Uint8Array(body), { status: answer.statusCode, headers });
  return Object.defineProperty(response, 'url', { value: hop.url.href });
}

const notFromCallers =
  /^(accept-encoding|connection|content-length|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade)$/;

function requestOf(input: string | URL | Request, init: RequestInit | undefined, allow: Allowed): Request {
  const url = URL.parse(input instanceof Request ? input.url : String(input));
  if (url === null) throw refuse('address_forbidden', 'this is no address');
  checkTarget(url, allow);
  return new Request(input, { ...init, duplex: 'half' } as RequestInit);
}

async function firstHop(request: Request): Promise<Hop> {
  const url = new URL(request.url);
  url.hash = '';
  const headers: Record<string, string> = { 'user-agent': 'sealgate' };
  for (const [name, value] of request.headers) if (!notFromCallers.test(name)) headers[name] = value;
  headers['accept-encoding'] = 'gzip, deflate, br';
  const body = request.body === null ? null : new Uint8Array(await request.arrayBuffer());
  return { url, method: request.method, headers, body };
}

const lateCodes = new Set(['UND_ERR_CONNECT_TIMEOUT', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']);

function refusalOf(
  error: unknown,
  late: AbortSignal,
  { bytesMax, timeoutMs }: GuardedFetchSettings,
): unknown {
  if (error instanceof Refusal) return error;
  const { code, name = 'Error' } = error as { readonly code?: unknown; readonly name?: string };
  const known = typeof code === 'string' ? code : name;
  if (late.aborted || lateCodes.has(known))
    return refuse('fetch_timeout', `the address did not answer within ${timeoutMs / 1000} seconds`, known);
  if (known === 'UND_ERR_RES_EXCEEDED_MAX_SIZE') return tooLarge(bytesMax);
  return refuse('fetch_failed', 'the address cannot be fetched', known, error);
}
