import type { RequestId } from '@modelcontextprotocol/server';
import type { Served } from '../owner/owners.ts';
import type { ErrorAnswer } from './error-answer.ts';

// The answers of a legacy session over HTTP, as the SDK's own transport writes them.

/** A JSON-RPC error alone. */
export function rpcError(status: number, error: ErrorAnswer, id: RequestId | null = null): Response {
  return Response.json({ jsonrpc: '2.0', error, id }, { status });
}

/** A stream of events in a session. */
export function eventStream(sessionId: string, body: ReadableStream<Uint8Array>): Response {
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'mcp-session-id': sessionId,
    },
  });
}

/** Nothing but a status: what was posted wants no answer, or the session is over. */
export function bare(status: 200 | 202): Response {
  return new Response(null, { status });
}

/** An answer with nothing to do after it. */
export function served(response: Response): Served {
  return { response, done: () => undefined };
}

/** The refusal of a request that does not take what it will get; `undefined` when it does. */
export function unacceptable(request: Request, body: unknown): Response | undefined {
  const accepted = request.headers.get('accept') ?? '';
  const wanted =
    request.method === 'POST'
      ? ['application/json', 'text/event-stream']
      : request.method === 'GET'
        ? ['text/event-stream']
        : [];
  if (wanted.every((type) => accepted.includes(type))) return undefined;
  const message = `Not Acceptable: Client must accept ${wanted.length > 1 ? 'both ' : ''}${wanted.join(' and ')}`;
  return rpcError(406, { code: -32000, message }, requestIdOf(body));
}

/** The id of a JSON-RPC request, for the error that refuses it; `null` for anything else. */
export function requestIdOf(body: unknown): RequestId | null {
  if (typeof body !== 'object' || body === null || !('method' in body) || !('id' in body)) return null;
  return typeof body.id === 'string' || typeof body.id === 'number' ? body.id : null;
}
