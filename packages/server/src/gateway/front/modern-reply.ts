import type { Values } from './target.ts';

// The answer to one request of 2026-07-28: a JSON body, or from the first notification on an event stream (MCP 2026-07-28,
// transports); or when it takes long, so that nothing on the way takes the silence for an end. A client that goes away
// cancels its request, so that is told as an abort.

/** One answer that is being made. */
export interface ModernReply {
  /** Resolves with the first byte to send. */
  readonly response: Promise<Response>;
  /** Aborts when the client is gone before the answer was complete. */
  readonly gone: AbortSignal;
  /** Whether bytes have left: from then on a failure is an event. */
  readonly begun: boolean;
  /** Send a notification; the answer becomes a stream. */
  notify(method: string, params: Values): void;
  /** The last message. @param status of an answer that is no stream */
  finish(message: Values, status?: number): void;
  /** Answer nothing: the response is whatever somebody else made of it. */
  instead(response: Response | Promise<Response>): void;
}

const encoder = new TextEncoder();
const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** @param signal aborts when the client's connection ends @param keepAliveMs between two comments on the stream */
export function openReply(signal: AbortSignal, keepAliveMs: number): ModernReply {
  const gone = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Response>();
  let stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  let over = false;
  const leave = (): void => {
    if (over) return;
    end();
    resolve(new Response(null, { status: 499 }));
    gone.abort(new DOMException('the client is gone', 'AbortError'));
  };
  const end = (): void => {
    over = true;
    signal.removeEventListener('abort', leave);
    clearInterval(timer);
    try {
      stream?.close();
    } catch {
      // A reader that cancelled has closed it.
    }
  };
  const write = (text: string): void => {
    stream ??= begin();
    stream.enqueue(encoder.encode(text));
  };
  const begin = (): ReadableStreamDefaultController<Uint8Array> => {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (made) => void (controller = made), cancel: leave });
    resolve(new Response(body, { status: 200, headers: streamHeaders }));
    return controller;
  };
  const timer = setInterval(() => write(': keepalive\n\n'), keepAliveMs);
  timer.unref();
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return {
    response: promise,
    gone: gone.signal,
    get begun() {
      return stream !== undefined;
    },
    notify(method, params) {
      if (!over) write(event({ jsonrpc: '2.0', method, params }));
    },
    finish(message, status = 200) {
      if (over) return;
      if (stream === undefined) resolve(Response.json(message, { status }));
      else write(event(message));
      end();
    },
    instead(response) {
      if (over) return;
      resolve(response as Response);
      end();
    },
  };
}

function event(message: Values): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
