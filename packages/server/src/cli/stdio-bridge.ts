import { refuse } from '../errors.ts';
import { carryOut, failureLine, type CallParts, type ClientRequest } from './stdio-call.ts';
import { openSend } from './stdio-exchange.ts';
import type { Door } from './stdio-door.ts';
import { envelopeVersion, openMirror, valuesOf, type Values } from './stdio-mirror.ts';
import { openSessionKeeper } from './stdio-session.ts';

// Between a client on stdin and stdout and Streamable HTTP on the MCP socket. Messages pass as they came; what differs
// between the two transports is all that is done here: sessions, headers, streams, cancellation.

/** What the bridge stands on. */
export interface BridgeParts {
  readonly door: Pick<Door, 'reach' | 'lost'>;
  /** Such as `/mcp/docs`. */
  readonly path: string;
  /** Takes a message for the client, without a line end; resolves when it can take another. */
  readonly write: (line: string) => Promise<void>;
  /** Of one answer. */
  readonly answerBytesMax: number;
  /** Requests of the client that may be under way at once. */
  readonly callsMax: number;
}

/** A client's side of it. */
export interface Bridge {
  /** Take one line; `undefined` for one that was too long. Resolves when the next may be taken. */
  take(line: string | undefined): Promise<void>;
  /** The client says no more: answers under way are still written, then the session is ended. */
  finish(): Promise<void>;
  /** End everything now. */
  stop(): Promise<void>;
}

interface Pending {
  readonly method: string;
  readonly modern: boolean;
  readonly stop: AbortController;
  readonly done: Promise<void>;
}

const endMs = 1000;
const common = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** Open it. Nothing is sent before the client says something. */
export function openBridge({ door, path, write, answerBytesMax, callsMax }: BridgeParts): Bridge {
  const send = openSend(door, path);
  const mirror = openMirror();
  const session = openSessionKeeper({ send, bytesMax: answerBytesMax, heard: write });
  const parts: CallParts = { send, session, mirror, bytesMax: answerBytesMax, write };
  const pending = new Map<string | number, Pending>();
  let stopped = false;
  const refused = (id: string | number | null, message: string, rpcCode: number): Promise<void> =>
    write(failureLine(id, refuse('message_invalid', message), rpcCode));

  const begin = async (request: ClientRequest): Promise<void> => {
    const { id, method, params } = request;
    if (pending.has(id)) return refused(id, 'a request with this id is under way', -32_600);
    if (pending.size >= callsMax)
      return write(failureLine(id, refuse('overloaded', `${callsMax} requests are under way`)));
    const stop = new AbortController();
    const done = carryOut(request, parts, stop.signal).finally(() => pending.delete(id));
    pending.set(id, { method, modern: envelopeVersion(params) !== undefined, stop, done });
    // Everything after it needs the session.
    if (method === 'initialize') await done;
  };
  /** A notification, or an answer to a request of the upstream. */
  const pass = async (text: string, method: string | undefined): Promise<void> => {
    const headers = { ...common, ...session.headers() };
    const stop = AbortSignal.timeout(30_000);
    const answer = await send({ method: 'POST', headers, body: text, signal: stop }).catch(() => undefined);
    answer?.resume();
    if (method === 'notifications/initialized' && answer !== undefined && (answer.statusCode ?? 500) < 300)
      session.ready();
  };
  const cancel = async (text: string, params: Values): Promise<void> => {
    const id = params['requestId'] as string | number;
    const call = pending.get(id);
    // On HTTP a request of 2026-07-28 is cancelled by closing its stream.
    if (call === undefined || !call.modern) await pass(text, undefined);
    call?.stop.abort();
  };

  return {
    async take(line) {
      if (stopped) return;
      if (line === undefined) return refused(null, 'the message is too long', -32_600);
      let parsed: unknown;
      try {
        parsed = JSON.parse(line);
      } catch {
        return refused(null, 'the line is not JSON', -32_700);
      }
      const message = valuesOf(parsed);
      const { id, method } = message;
      const params = valuesOf(message['params']);
      if (typeof method !== 'string' && !('result' in message) && !('error' in message))
        return refused(null, 'the line is not a JSON-RPC message', -32_600);
      if (typeof method !== 'string') return pass(line, undefined);
      if (method === 'notifications/cancelled') return cancel(line, params);
      if (!Object.hasOwn(message, 'id')) return pass(line, method);
      if (typeof id !== 'string' && typeof id !== 'number')
        return refused(null, 'the id is neither a text nor a number', -32_600);
      await begin({ id, method, params, text: line });
    },
    async finish() {
      for (const { method, stop } of pending.values()) if (method === 'subscriptions/listen') stop.abort();
      await Promise.all([...pending.values()].map(({ done }) => done));
      await session.end(endMs);
    },
    async stop() {
      stopped = true;
      for (const { stop } of pending.values()) stop.abort();
      await Promise.all([...pending.values()].map(({ done }) => done));
      await session.end(endMs);
    },
  };
}
