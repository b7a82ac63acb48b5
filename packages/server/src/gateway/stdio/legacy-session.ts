import {
  SUPPORTED_PROTOCOL_VERSIONS,
  WebStandardStreamableHTTPServerTransport,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type RequestId,
} from '@modelcontextprotocol/server';
import type { Log } from '../../log.ts';
import type { Child, Notice } from './child.ts';
import { contextOf, type Entrant } from './front.ts';
import { isLoud, logLevelOf, mostVerbose } from '../link/log-level.ts';
import { errorAnswer, relay, type RelayParts } from './relay.ts';
import { hold, type Listener, type Slot } from './slot.ts';

// A session of the eras that have them (2025-03-26 to 2025-11-25). The SDK's transport speaks HTTP; messages are relayed
// as they are, so that results, errors and unknown methods are the child's own. It belongs to the person who opened it.

/** A request that came in, with the child that will answer it. */
export interface Arrival {
  readonly entrant: Entrant;
  readonly slot: Slot;
  readonly child: Child;
}

/** One open session. */
export interface LegacySession {
  readonly entrant: Entrant;
  readonly transport: WebStandardStreamableHTTPServerTransport;
  /** HTTP requests that are being answered, streams included. */
  uses: number;
  lastUsedMs: number;
  /** Whether a request of this id has not been answered yet. */
  isUnderWay(id: RequestId): boolean;
  /** Follow the child to which this arrival leads, and note what it is. */
  follow(request: Request, arrival: Arrival): Promise<void>;
  close(): Promise<void>;
}

interface State {
  readonly transport: WebStandardStreamableHTTPServerTransport;
  readonly listener: Listener;
  readonly uris: Set<string>;
  readonly underWay: Map<RequestId, AbortController>;
  readonly arrivals: WeakMap<Request, Arrival>;
  slot: Slot | undefined;
  release: () => void;
}

/** What sessions are made with. */
export interface SessionParts extends RelayParts {
  readonly log: Log;
  readonly sessionId: () => string;
  readonly onOpen: (id: string) => void;
  readonly onClose: (id: string | undefined) => void;
}

/** A session that waits for its `initialize`. */
export async function openSession(parts: SessionParts, entrant: Entrant): Promise<LegacySession> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    sessionIdGenerator: parts.sessionId,
    onsessioninitialized: parts.onOpen,
  });
  const uris = new Set<string>();
  const listener: Listener = {
    subject: entrant.caller.subject,
    level: undefined,
    hear: (notice) => {
      if (wants(notice, listener, uris))
        void transport.send({ jsonrpc: '2.0', ...notice } as JSONRPCMessage).catch(() => undefined);
    },
  };
  const state: State = {
    transport,
    listener,
    uris,
    underWay: new Map(),
    arrivals: new WeakMap(),
    slot: undefined,
    release: () => undefined,
  };
  transport.onmessage = (message, extra) => void take(parts, state, message, extra?.request);
  transport.onclose = () => {
    leave(state);
    for (const cancel of state.underWay.values()) cancel.abort();
    parts.onClose(transport.sessionId);
  };
  await transport.start();
  return {
    entrant,
    transport,
    uses: 0,
    lastUsedMs: parts.now(),
    isUnderWay: (id) => state.underWay.has(id),
    async follow(request, arrival) {
      state.arrivals.set(request, arrival);
      if (state.slot !== arrival.slot) await move(parts, state, arrival);
    },
    close: () => transport.close(),
  };
}

async function take(
  parts: SessionParts,
  state: State,
  message: JSONRPCMessage,
  request: Request | undefined,
): Promise<void> {
  if (!('method' in message)) return;
  if (!('id' in message)) {
    const { requestId, reason } = (message.params ?? {}) as { requestId?: RequestId; reason?: unknown };
    if (message.method === 'notifications/cancelled' && requestId !== undefined)
      state.underWay.get(requestId)?.abort(reason);
    return;
  }
  const arrival = request === undefined ? undefined : state.arrivals.get(request);
  if (arrival === undefined) return;
  const cancel = new AbortController();
  state.underWay.set(message.id, cancel);
  try {
    const result = await answer(parts, state, message, { arrival, cancel });
    await state.transport.send({ jsonrpc: '2.0', id: message.id, result: result as Record<string, unknown> });
  } catch (error) {
    // Nobody waits for a cancelled request's answer; its stream is closed instead.
    if (cancel.signal.aborted) state.transport.closeSSEStream(message.id);
    else {
      const told = errorAnswer(error, arrival.entrant.correlation);
      if (told.code === -32603)
        parts.log.error({ correlation: arrival.entrant.correlation, err: error }, 'a relayed request failed');
      await state.transport.send({ jsonrpc: '2.0', id: message.id, error: told }).catch(() => undefined);
    }
  } finally {
    state.underWay.delete(message.id);
  }
}

async function answer(
  parts: SessionParts,
  state: State,
  { id, method, params }: JSONRPCRequest,
  { arrival, cancel }: { arrival: Arrival; cancel: AbortController },
): Promise<unknown> {
  const { entrant, slot, child } = arrival;
  if (method === 'ping') return {};
  if (method === 'initialize')
    return { protocolVersion: versionFor(params?.['protocolVersion']), ...child.introduction };
  const token = (params?.['_meta'] as { progressToken?: string | number } | undefined)?.progressToken;
  const onProgress = (progress: Readonly<Record<string, unknown>>): void => {
    const note = {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { ...progress, progressToken: token },
    } as JSONRPCMessage;
    void state.transport.send(note, { relatedRequestId: id }).catch(() => undefined);
  };
  const result = await relay(parts, slot, child, {
    context: contextOf(entrant),
    subject: entrant.caller.subject,
    method,
    params: adjusted(state, slot, method, params),
    bytes: entrant.bytes,
    signal: cancel.signal,
    onProgress: token === undefined ? undefined : onProgress,
  });
  const uri = params?.['uri'];
  if (method === 'resources/subscribe' && typeof uri === 'string') state.uris.add(uri);
  if (method === 'resources/unsubscribe' && typeof uri === 'string') state.uris.delete(uri);
  return result;
}

// A level is set for one session; the child it shares is set to the most talkative of them.
function adjusted(
  state: State,
  slot: Slot,
  method: string,
  params: JSONRPCRequest['params'],
): JSONRPCRequest['params'] {
  const level = method === 'logging/setLevel' ? logLevelOf(params?.['level']) : undefined;
  if (level === undefined) return params;
  state.listener.level = level;
  return { ...params, level: mostVerbose(slot.listeners) ?? level };
}

function versionFor(asked: unknown): string {
  return typeof asked === 'string' && SUPPORTED_PROTOCOL_VERSIONS.includes(asked)
    ? asked
    : SUPPORTED_PROTOCOL_VERSIONS[0]!;
}

// Log messages, updates and lists are told to sessions that want them. Anything else a shared child announces could be
// another person's business and is told to nobody.
function wants({ method, params }: Notice, listener: Listener, uris: ReadonlySet<string>): boolean {
  if (method === 'notifications/message') return isLoud(params?.['level'], listener.level);
  if (method === 'notifications/resources/updated') return uris.has(String(params?.['uri']));
  return told.has(method);
}

const told = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/tasks/status',
]);

function leave(state: State): void {
  state.slot?.listeners.delete(state.listener);
  for (const uri of state.uris) void state.slot?.watches.drop(uri);
  state.release();
  state.slot = undefined;
}

async function move(
  { now, callTimeoutMs }: SessionParts,
  state: State,
  { slot, child }: Arrival,
): Promise<void> {
  const uris = [...state.uris];
  leave(state);
  state.slot = slot;
  state.release = hold(slot, now);
  slot.listeners.add(state.listener);
  await Promise.all(uris.map((uri) => slot.watches.add(child, uri, callTimeoutMs).catch(() => undefined)));
}
