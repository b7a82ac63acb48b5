import type { OutgoingHttpHeaders } from 'node:http';
import { Pool, type Dispatcher } from 'undici';
import { listen, type Listening } from '../test/fixtures/listen.ts';

// The bare byte proxy that the gateway is measured beside: the same libraries on the same way in and out, and not one
// control. What the gateway adds to it is what its controls cost.

const passed = ['accept', 'content-type', 'mcp-protocol-version', 'mcp-method', 'mcp-name'] as const;

function collector(
  done: (status: number, headers: OutgoingHttpHeaders, body: Buffer) => void,
  failed: () => void,
) {
  const chunks: Buffer[] = [];
  let status = 0;
  let headers: OutgoingHttpHeaders = {};
  const handler: Dispatcher.DispatchHandler = {
    onRequestStart: () => undefined,
    onResponseStart(_controller, statusCode, received) {
      status = statusCode;
      headers = { 'content-type': String(received['content-type']) };
    },
    onResponseData: (_controller, chunk) => void chunks.push(chunk),
    onResponseEnd: () => done(status, headers, Buffer.concat(chunks)),
    onResponseError: () => failed(),
  };
  return handler;
}

/** Start a proxy in front of `upstream`. */
export async function startByteProxy(upstream: string): Promise<Listening> {
  const { origin, pathname } = new URL(upstream);
  const pool = new Pool(origin, { connections: 64, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const listening = await listen((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.once('end', () => {
      const headers: Record<string, string> = {};
      for (const name of passed) {
        const value = request.headers[name];
        if (typeof value === 'string') headers[name] = value;
      }
      const handler = collector(
        (status, received, body) => {
          response.writeHead(status, { ...received, 'content-length': body.length }).end(body);
        },
        () => response.writeHead(502).end(),
      );
      pool.dispatch({ path: pathname, method: 'POST', headers, body: Buffer.concat(chunks) }, handler);
    });
  });
  return {
    url: listening.url,
    async close() {
      await listening.close();
      await pool.destroy();
    },
  };
}
