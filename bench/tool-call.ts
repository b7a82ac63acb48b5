import { modernCall, rawHttp, type RawRequest } from '../test/fixtures/raw-http.ts';

// The tool call that is measured, as the bytes that go out: of 2026-07-28, or of a session of 2025-11-25.

/** What to call. */
export interface Target {
  readonly url: string;
  readonly bearer?: string;
  /** The tool that gives back its text, and the name of its argument; `echo` and `text` when not given. */
  readonly echo?: readonly [tool: string, argument: string];
  /** The session to call in; not given: 2026-07-28, which has none. */
  readonly sessionId?: string;
}

const firstId = 1_000_000;
const legacyRevision = '2025-11-25';
const legacyHeaders = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
  'mcp-protocol-version': legacyRevision,
};

function callOf({ echo = ['echo', 'text'], sessionId }: Target, text: string): RawRequest & { body: string } {
  const [name, argument] = echo;
  const args = { [argument]: text };
  if (sessionId === undefined) return modernCall(firstId, name, args);
  const message = { jsonrpc: '2.0', id: firstId, method: 'tools/call', params: { name, arguments: args } };
  return { headers: { ...legacyHeaders, 'mcp-session-id': sessionId }, body: JSON.stringify(message) };
}

/** The request of call `id`. Ids have seven digits, so all requests to a target have one length, and so have their answers. */
export function requestOf(target: Target, text: string): (id: number) => string {
  const { host, pathname, search } = new URL(target.url);
  const call = callOf(target, text);
  const headers = { host, ...call.headers, 'content-length': String(Buffer.byteLength(call.body)) };
  const authorization = target.bearer === undefined ? '' : `authorization: Bearer ${target.bearer}\r\n`;
  const head = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}\r\n`);
  const [before, after] = call.body.split(String(firstId)) as [string, string];
  const start = `POST ${pathname}${search} HTTP/1.1\r\n${head.join('')}${authorization}\r\n${before}`;
  return (id) => `${start}${id}${after}`;
}

/** Open a session. @throws Error when it is refused, or has no id */
export async function inSession(target: Target): Promise<Target> {
  const bearer = target.bearer === undefined ? {} : { authorization: `Bearer ${target.bearer}` };
  const headers = { ...legacyHeaders, ...bearer };
  const clientInfo = { name: 'bench', version: '1' };
  const params = { protocolVersion: legacyRevision, capabilities: {}, clientInfo };
  const initialize = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params });
  const { status, headers: given, body } = await rawHttp(target.url, { headers, body: initialize });
  const sessionId = given['mcp-session-id'];
  if (typeof sessionId !== 'string') throw new Error(`${target.url} opens no session: ${status} ${body}`);
  const initialized = JSON.stringify({ jsonrpc: '2.0', method: 'notifications/initialized' });
  await rawHttp(target.url, { headers: { ...headers, 'mcp-session-id': sessionId }, body: initialized });
  return { ...target, sessionId };
}
