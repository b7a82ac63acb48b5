import type { IncomingMessage, ServerResponse } from 'node:http';

// The SDK's transports speak Request and Response. The body was read and judged before it came here, so the Request
// carries none and the parsed body goes beside it.

/** The request without its body. `signal` aborts when the client goes away before the answer is complete. */
export function webRequest(request: IncomingMessage, response: ServerResponse): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value === undefined || framing.has(name)) continue;
    for (const one of Array.isArray(value) ? value : [value]) headers.append(name, one);
  }
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
  });
  return new Request(`http://gateway${request.url ?? '/'}`, {
    method: request.method ?? 'GET',
    headers,
    signal: gone.signal,
  });
}

const framing = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Bytes of a stream that may wait for a slow client. A child's messages come whether they are read or not. */
const waitingBytesMax = 16 * 1024 * 1024;

/** Write the answer. A client that goes away cancels the body; one that falls too far behind is cut off. */
export async function writeResponse(answer: Response, response: ServerResponse): Promise<void> {
  const headers = Object.fromEntries([...answer.headers].filter(([name]) => !framing.has(name)));
  response.writeHead(answer.status, { 'x-content-type-options': 'nosniff', ...headers });
  if (answer.body === null) {
    response.end();
    return;
  }
  response.flushHeaders();
  const reader = answer.body.getReader();
  const cancel = (): void => void reader.cancel().catch(() => undefined);
  response.once('close', cancel);
  for (;;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }) as const);
    if (done || response.destroyed || response.writableEnded) break;
    if (response.writableLength > waitingBytesMax) {
      cancel();
      response.destroy();
      break;
    }
    response.write(value);
  }
  response.off('close', cancel);
  response.end();
}
