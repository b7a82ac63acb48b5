import type { Call } from './call.ts';
import type { Fields } from './fields.ts';

// Headers are built from nothing, both ways. What is not named here does not pass: a client's Authorization, Cookie,
// X-*, Forwarded and Host never reach an upstream, an upstream's Set-Cookie, CORS and challenges never reach a client.

/** A plain set of lower-case header names and their values. */
export type Headers = Readonly<Record<string, string>>;

const acceptDefault = 'application/json, text/event-stream';

/**
 * @param sessionId the upstream's own session id, opened from the client's handle; `undefined` without a session
 */
export function upstreamHeaders(
  call: Call,
  fields: Fields,
  sessionId: string | undefined,
): Record<string, string> {
  const headers: Record<string, string> = {
    accept: fields.get('accept') ?? acceptDefault,
    // A compressed answer could not be searched for the credential it must not contain.
    'accept-encoding': 'identity',
    'user-agent': 'sealgate',
    ...call.mirror,
  };
  if (call.kind !== 'stream' && call.kind !== 'close') headers['content-type'] = 'application/json';
  if (sessionId !== undefined) headers['mcp-session-id'] = sessionId;
  const lastEventId = fields.get('last-event-id');
  if (call.kind === 'stream' && lastEventId !== undefined) headers['last-event-id'] = lastEventId;
  return headers;
}

/** What kind of body an answer has: JSON, an event stream, no body type at all, or one that MCP does not know. */
export type BodyType = 'json' | 'events' | 'none' | 'other';

/** @param contentType of the answer; `undefined` when it has none */
export function bodyTypeOf(contentType: string | undefined): BodyType {
  if (contentType === undefined) return 'none';
  const essence = contentType.split(';', 1)[0]?.trim().toLowerCase();
  if (essence === 'application/json') return 'json';
  return essence === 'text/event-stream' ? 'events' : 'other';
}

const passed = ['allow', 'cache-control', 'retry-after'];

/**
 * @param handle what the client gets as its session id; `undefined`: none
 */
export function clientHeaders(answer: Headers, handle: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { 'x-content-type-options': 'nosniff' };
  for (const name of passed) {
    const value = answer[name];
    if (value !== undefined) headers[name] = value;
  }
  const contentType = answer['content-type'];
  const type = bodyTypeOf(contentType);
  // A page of an upstream must never run as a page of ours.
  if (contentType !== undefined)
    headers['content-type'] = type === 'other' ? 'text/plain; charset=utf-8' : contentType;
  if (type === 'events') {
    headers['x-accel-buffering'] = 'no';
    headers['cache-control'] ??= 'no-cache';
  }
  if (handle !== undefined) headers['mcp-session-id'] = handle;
  return headers;
}
