import type { Values } from './target.ts';

// The answer to one request of 2026-07-28: a JSON body, or from the first notification on an event stream (MCP
// 2026-07-28, transports); or when it takes long, so that nothing on the way takes the silence for an end. A client that
// goes away cancels its request, so that is told as an abort.

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
  /** Begin no stream by itself any longer: another instance makes the answer, and keeps it alive. */
  hush(): void;
  /** Answer nothing: somebody else does. @param response what another instance made of it */
  drop(response?: Response): void;
}

interface Stream {
  readonly begun: boolean;
  write(text: string): void;
  end(): void;
}

const encoder = new TextEncoder();
const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** @param signal aborts when the client's connection ends @param keepAliveMs between two comments on the stream */
export function openReply(signal: AbortSignal, keepAliveMs: number): ModernReply {
  const gone = new AbortController();
  const { promise, resolve } = Promise.withResolvers<Response>();
  let over = false;
  const leave = (): void => {
    if (over) return;
    end();
    resolve(new Response(null, { status: 499 }));
    gone.abort(new DOMException('the client is gone', 'AbortError'));
  };
  const stream = openStream((body) => resolve(new Response(body, { headers })), leave);
  const timer = setInterval(() => stream.write(': keepalive\n\n'), keepAliveMs);
  timer.unref();
  const end = (): void => {
    over = true;
    clearInterval(timer);
    signal.removeEventListener('abort', leave);
    stream.end();
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return {
    response: promise,
    gone: gone.signal,
    get begun() {
      return stream.begun;
    },
    notify(method, params) {
      if (!over) stream.write(event({ jsonrpc: '2.0', method, params }));
    },
    finish(message, status = 200) {
      if (over) return;
      if (stream.begun) stream.write(event(message));
      else resolve(Response.json(message, { status }));
      end();
    },
    hush: () => clearInterval(timer),
    drop(response) {
      if (over) return;
      if (response !== undefined) resolve(response);
      end();
    },
  };
}

function openStream(begin: (body: ReadableStream<Uint8Array>) => void, onCancel: () => void): Stream {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  return {
    get begun() {
      return controller !== undefined;
    },
    write(text) {
      if (controller === undefined)
        begin(new ReadableStream({ start: (made) => void (controller = made), cancel: onCancel }));
      controller!.enqueue(encoder.encode(text));
    },
    end() {
      try {
        controller?.close();
      } catch {
        // A reader that cancelled has closed it.
      }
    },
  };
}

function event(message: Values): string {
  return `event: message\ndata: ${JSON.stringify(message)}\n\n`;
}
