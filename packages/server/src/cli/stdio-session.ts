import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readMessages, type Reading, type Send } from './stdio-exchange.ts';
import { valuesOf, type Values } from './stdio-mirror.ts';

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

const rememberedMax = 1000;
const retryMsDefault = 1000;
const retryMsMax = 15_000;
const common = {
  accept: 'application/json, text/event-stream',
  'content-type': 'application/json',
};

/** Open it, without a session. */
export function openSessionKeeper({ send, bytesMax, heard }: SessionParts): SessionKeeper {
  let current: { id: string | undefined; version: string; opening: string } | undefined;
  let isReady = false;
  let ended = false;
  let reviving: Promise<boolean> | undefined;
  let listening: AbortController | undefined;
  const remembered = new Map<string, { method: string; params: Values }>();
  const over = new AbortController();
  const headers = (): Record<string, string> =>
    current === undefined
      ? {}
      : {
          'mcp-protocol-version': current.version,
          ...(current.id === undefined ? {} : { 'mcp-session-id': current.id }),
        };
  const open = (opening: string, answer: IncomingMessage, result: Values): void => {
    const id = answer.headers['mcp-session-id'];
    const version = result['protocolVersion'];
    if (typeof version !== 'string') return;
    current = { id: typeof id === 'string' ? id : undefined, version, opening };
  };
  const say = async (message: Values, extra: Record<string, string>): Promise<IncomingMessage> => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    return send({ method: 'POST', headers: { ...common, ...extra }, body, signal: over.signal });
  };
  /** The result of a request of our own; `{}` for anything else. */
  const resultOf = async (answer: IncomingMessage): Promise<Values> => {
    let result: Values = {};
    const reading: Reading = { lastEventId: undefined, retryMs: undefined };
    await readMessages(answer, { bytesMax, reading }, async (message) => {
      const parsed = valuesOf(JSON.parse(message));
      if (parsed['result'] === undefined) return parsed['method'] === undefined ? undefined : heard(message);
      result = valuesOf(parsed['result']);
    });
    return result;
  };
  const reopen = async (opening: string): Promise<boolean> => {
    const { params } = valuesOf(JSON.parse(opening));
    const answer = await say({ id: 'sealgate-initialize', method: 'initialize', params }, {});
    const result = await resultOf(answer);
    if (result['protocolVersion'] === undefined) return false;
    open(opening, answer, result);
    (await say({ method: 'notifications/initialized' }, headers())).resume();
    let count = 0;
    for (const { method, params: said } of remembered.values())
      await resultOf(await say({ id: `sealgate-${(count += 1)}`, method, params: said }, headers()));
    if (isReady) listen();
    return true;
  };
  const revive = (): Promise<boolean> => {
    const opening = current?.opening;
    if (opening === undefined || ended) return Promise.resolve(false);
    reviving ??= reopen(opening)
      .catch(() => false)
      .finally(() => (reviving = undefined));
    return reviving;
  };
  /** One standing stream. @returns whether it is worth asking for again */
  const stream = async (reading: Reading, signal: AbortSignal): Promise<'again' | 'gone' | 'none'> => {
    const resume = reading.lastEventId === undefined ? {} : { 'last-event-id': reading.lastEventId };
    const asked = { accept: 'text/event-stream', ...headers(), ...resume };
    const answer = await send({ method: 'GET', headers: asked, signal });
    const status = answer.statusCode ?? 500;
    if (status !== 200) {
      answer.resume();
      return status === 404 ? 'gone' : status >= 500 ? 'again' : 'none';
    }
    await readMessages(answer, { bytesMax, reading }, heard);
    return 'again';
  };
  const follow = async (signal: AbortSignal): Promise<void> => {
    const reading: Reading = { lastEventId: undefined, retryMs: undefined };
    for (let failures = 0; !signal.aborted;) {
      const came = await stream(reading, signal).catch(() => 'failed' as const);
      if (came === 'none' || signal.aborted) return;
      // The new session has a stream of its own.
      if (came === 'gone' && (await revive())) return;
      failures = came === 'again' ? 0 : failures + 1;
      const waitMs = Math.min(retryMsMax, (reading.retryMs ?? retryMsDefault) * 2 ** Math.min(failures, 5));
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    }
  };
  const listen = (): void => {
    if (ended) return;
    listening?.abort();
    listening = new AbortController();
    void follow(listening.signal);
  };
  return {
    headers,
    opened: open,
    ready() {
      isReady = true;
      listen();
    },
    remember(method, params) {
      const uri = String(params['uri']);
      if (method === 'logging/setLevel') remembered.set(method, { method, params });
      else if (method === 'resources/unsubscribe') remembered.delete(`uri ${uri}`);
      else if (method === 'resources/subscribe' && remembered.size < rememberedMax)
        remembered.set(`uri ${uri}`, { method, params });
    },
    revive: (stale) =>
      stale['mcp-session-id'] === current?.id ? revive() : Promise.resolve(current !== undefined),
    async end(withinMs) {
      ended = true;
      listening?.abort();
      over.abort();
      if (current?.id === undefined) return;
      const signal = AbortSignal.timeout(withinMs);
      await send({ method: 'DELETE', headers: headers(), signal }).then(
        (answer) => void answer.resume(),
        () => undefined,
      );
    },
  };
}
