import { refuse } from '../errors.ts';
import { carryOut, failureLine, type CallParts, type ClientRequest } from './stdio-call.ts';
import { openSend } from './stdio-exchange.ts';
import type { Door } from './stdio-door.ts';
import { readLine } from './stdio-message.ts';
import { envelopeVersion, openMirror } from './stdio-mirror.ts';
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
const passMs = 30_000;
const common = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/** Open it. Nothing is sent before the client says something. */
export function openBridge({ door, path, write, answerBytesMax, callsMax }: BridgeParts): Bridge {
  const send = openSend(door, path);
  const session = openSessionKeeper({ send, bytesMax: answerBytesMax, heard: write });
  const parts: CallParts = { send, session, mirror: openMirror(), bytesMax: answerBytesMax, write };
  const pending = new Map<string | number, Pending>();
  let stopped = false;
  const begin = async (request: ClientRequest): Promise<void> => {
    const { id, method, params } = request;
    if (pending.has(id))
      return write(
        failureLine(id, refuse('message_invalid', 'a request with this id is under way'), -32_600),
      );
    if (pending.size >= callsMax)
      return write(failureLine(id, refuse('overloaded', `${callsMax} requests are under way`)));
    const stop = new AbortController();
    const done = carryOut(request, parts, stop.signal).finally(() => pending.delete(id));
    pending.set(id, { method, modern: envelopeVersion(params) !== undefined, stop, done });
    // Everything after it needs the session.
    if (method === 'initialize') await done;
  };
  const end = async (ends: (pending: Pending) => boolean): Promise<void> => {
    for (const one of pending.values()) if (ends(one)) one.stop.abort();
    await Promise.all([...pending.values()].map(({ done }) => done));
    await session.end(endMs);
  };
  return {
    async take(line) {
      if (stopped) return;
      const read = readLine(line);
      const text = line ?? '';
      if (read.kind === 'unreadable')
        return write(failureLine(null, refuse('message_invalid', read.why), read.rpcCode));
      if (read.kind === 'request') return begin({ ...read, text });
      if (read.kind === 'response') return void (await pass(parts, text));
      const { method, params } = read;
      const call =
        method === 'notifications/cancelled'
          ? pending.get(params['requestId'] as string | number)
          : undefined;
      // On HTTP a request of 2026-07-28 is cancelled by closing its stream.
      const taken = call?.modern === true || (await pass(parts, text));
      call?.stop.abort();
      if (taken && method === 'notifications/initialized') session.ready();
    },
    finish: () => end(({ method }) => method === 'subscriptions/listen'),
    stop() {
      stopped = true;
      return end(() => true);
    },
  };
}

/** A notification, or an answer to a request of the upstream. @returns whether the gateway took it */
async function pass({ send, session }: CallParts, text: string): Promise<boolean> {
  const headers = { ...common, ...session.headers() };
  const signal = AbortSignal.timeout(passMs);
  const answer = await send({ method: 'POST', headers, body: text, signal }).catch(() => undefined);
  answer?.resume();
  return answer !== undefined && (answer.statusCode ?? 500) < 300;
}
