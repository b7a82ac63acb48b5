import type { IncomingMessage } from 'node:http';
import { readMessages, type Reading, type Send } from './stdio-exchange.ts';
import { valuesOf, type Values } from './stdio-mirror.ts';
import { openFollower } from './stdio-stream.ts';

// The session of a client of 2025-11-25 and older. A client on stdio knows of no session: when the gateway has lost it,
// it is opened again in the client's name, with the log level and the subscriptions it had.

/** The session behind one client. */
export interface SessionKeeper {
  /** Headers of a request in this session; empty before there is one. */
  headers(): Record<string, string>;
  /** Told of the answer to `initialize`. @param opening the request as it was sent */
  opened(opening: string, answer: IncomingMessage, result: Values): void;
  /** Told of `notifications/initialized`, once it was taken: the stream of the session is opened. */
  ready(): void;
  /** Told of requests that succeeded and have to be said again in a new session. */
  remember(method: string, params: Values): void;
  /** Open it again, unless that happened since `headers` were read. @returns whether there is one now */
  revive(stale: Record<string, string>): Promise<boolean>;
  /** DELETE, and let go of the stream. */
  end(withinMs: number): Promise<void>;
}

/** What the session needs. */
export interface SessionParts {
  readonly send: Send;
  readonly bytesMax: number;
  /** Takes what the gateway says beside answers. */
  readonly heard: (message: string) => Promise<void>;
}

interface Session {
  /** `undefined`: the gateway gave none. */
  readonly id: string | undefined;
  readonly version: string;
  /** The `initialize` request it was opened by. */
  readonly opening: string;
}

/** Open it, without a session. */
export function openSessionKeeper(parts: SessionParts): SessionKeeper {
  let current: Session | undefined;
  let isReady = false;
  let reviving: Promise<boolean> | undefined;
  const over = new AbortController();
  const remembered = openMemory();
  const headers = (): Record<string, string> => headersOf(current);
  const follower = openFollower({ ...parts, headers, gone: () => revive() });
  const reopen = async (opening: string): Promise<boolean> => {
    const fresh = await openAgain(parts, opening, { requests: remembered.all(), signal: over.signal });
    if (fresh === undefined) return false;
    current = fresh;
    if (isReady) follower.listen();
    return true;
  };
  const revive = (): Promise<boolean> => {
    if (current === undefined || over.signal.aborted) return Promise.resolve(false);
    reviving ??= reopen(current.opening)
      .catch(() => false)
      .finally(() => (reviving = undefined));
    return reviving;
  };
  return {
    headers,
    opened(opening, answer, result) {
      current = sessionIn(opening, answer, result) ?? current;
    },
    ready() {
      isReady = true;
      if (!over.signal.aborted) follower.listen();
    },
    remember: remembered.note,
    revive: (stale) =>
      stale['mcp-session-id'] === current?.id ? revive() : Promise.resolve(current !== undefined),
    async end(withinMs) {
      over.abort();
      follower.stop();
      if (current?.id === undefined) return;
      const ending = { method: 'DELETE', headers: headers(), signal: AbortSignal.timeout(withinMs) } as const;
      await parts.send(ending).then(
        (answer) => void answer.resume(),
        () => undefined,
      );
    },
  };
}

function headersOf(session: Session | undefined): Record<string, string> {
  if (session === undefined) return {};
  const id = session.id === undefined ? {} : { 'mcp-session-id': session.id };
  return { 'mcp-protocol-version': session.version, ...id };
}

function sessionIn(opening: string, answer: IncomingMessage, result: Values): Session | undefined {
  const id = answer.headers['mcp-session-id'];
  const version = result['protocolVersion'];
  if (typeof version !== 'string') return undefined;
  return { id: typeof id === 'string' ? id : undefined, version, opening };
}

interface Remembered {
  readonly method: string;
  readonly params: Values;
}

const rememberedMax = 1000;

/** What has to be said again: the last log level, and each resource that is subscribed to. */
function openMemory() {
  const kept = new Map<string, Remembered>();
  return {
    all: (): readonly Remembered[] => [...kept.values()],
    note(method: string, params: Values): void {
      const uri = `uri ${String(params['uri'])}`;
      if (method === 'logging/setLevel') kept.set(method, { method, params });
      else if (method === 'resources/unsubscribe') kept.delete(uri);
      else if (method === 'resources/subscribe' && kept.size < rememberedMax)
        kept.set(uri, { method, params });
    },
  };
}

/** @returns `undefined` when the gateway opens none */
async function openAgain(
  parts: SessionParts,
  opening: string,
  { requests, signal }: { readonly requests: readonly Remembered[]; readonly signal: AbortSignal },
): Promise<Session | undefined> {
  const say = (message: Values, session?: Session): Promise<IncomingMessage> =>
    parts.send({
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...headersOf(session),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
      signal,
    });
  const { params } = valuesOf(JSON.parse(opening));
  const answer = await say({ id: 'sealgate-initialize', method: 'initialize', params });
  const session = sessionIn(opening, answer, await resultOf(parts, answer));
  if (session === undefined) return undefined;
  (await say({ method: 'notifications/initialized' }, session)).resume();
  for (const [at, request] of requests.entries())
    await resultOf(parts, await say({ id: `sealgate-${at}`, ...request }, session));
  return session;
}

/** The result of a request of our own, `{}` for an error; the client hears the rest. */
async function resultOf({ bytesMax, heard }: SessionParts, answer: IncomingMessage): Promise<Values> {
  let result: Values = {};
  const reading: Reading = { lastEventId: undefined, retryMs: undefined };
  await readMessages(answer, { bytesMax, reading }, async (text) => {
    const message = valuesOf(JSON.parse(text));
    if (message['method'] !== undefined) return heard(text);
    result = valuesOf(message['result']);
  });
  return result;
}
