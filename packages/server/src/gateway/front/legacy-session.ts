import type { RequestId } from '@modelcontextprotocol/server';
import type { AuditContext } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Passage } from '../owner/owners.ts';
import { isLoud } from '../link/log-level.ts';
import { auditContext } from '../use.ts';
import { openAsks, type Asks } from './asks.ts';
import { errorAnswer } from './error-answer.ts';
import { openHeard } from './heard.ts';
import { standing, type EventStore } from './event-store.ts';
import { bare, eventStream, rpcError } from './legacy-answer.ts';
import { answerRequest, notStored, recordNow, type Running, type Save } from './legacy-request.ts';
import type { SessionLimits } from './session-limits.ts';
import type { SessionRecord } from './session-record.ts';
import { openStreams, type Outgoing } from './session-streams.ts';
import type { Notice, OpenTarget, Position, Values } from './target.ts';

// A session of the eras that have them (2025-03-26 to 2025-11-25), on any target. Messages are relayed as they are, so
// that results, errors and unknown methods are the upstream's own. It belongs to the client that opened it.

/** One open session. */
export interface LegacySession {
  readonly id: string;
  /** Who opened it on this instance, for the journal. */
  readonly caller: Caller;
  /** UUIDv7 of the request that opened it on this instance. */
  readonly correlation: string;
  readonly record: SessionRecord;
  readonly events: EventStore;
  /** HTTP requests that are being answered, streams included. */
  uses: number;
  lastUsedMs: number;
  /** When its record's end was last moved. */
  extendedAtMs: number;
  /** What the target says of itself, for the answer to `initialize`. */
  introduce(context: AuditContext): Promise<Values>;
  /** Store it as it is now, also when nothing has changed. `false`: it was ended, or is served elsewhere. */
  store(): Promise<boolean>;
  /** Tell a fresh target what an earlier owner's had been told. */
  restore(context: AuditContext): Promise<void>;
  /** @throws Refusal `message_invalid` when a request of this id is under way */
  post(passage: Passage): Promise<Response>;
  /** @throws Refusal `event_unknown` */
  get(request: Request, correlation: string): Promise<Response>;
  /** Hear no more news: they are for whoever owns the session next. What was heard is written down, requests go on. */
  rest(): Promise<void>;
  /** Somebody else owns the session: they have its news, and what is being answered here is answered before it is closed. */
  handOver(): Promise<void>;
  /**
   * Let go of the target, the streams and everything pending. The record is not touched.
   *
   * @param how `resumable`: somebody else may go on with what the target can resume, so that is left as it is
   */
  close(how: { readonly resumable: boolean }): Promise<void>;
}

/** What a session is made of. */
export interface SessionParts {
  readonly id: string;
  readonly caller: Caller;
  readonly correlation: string;
  readonly record: SessionRecord;
  readonly events: EventStore;
  readonly openTarget: OpenTarget;
  readonly limits: SessionLimits;
  readonly log: Log;
  readonly now: () => number;
  readonly save: Save;
}

interface Talk {
  readonly callsMax: number;
  readonly running: Running;
  readonly asks: Asks;
  readonly sessionId: string;
}

/** Open a session; its target has not been asked anything yet. */
export function openSession(parts: SessionParts): LegacySession {
  const talk = openTalk(parts);
  const { running } = talk;
  return {
    id: parts.id,
    caller: parts.caller,
    correlation: parts.correlation,
    record: parts.record,
    events: parts.events,
    uses: 0,
    lastUsedMs: parts.now(),
    extendedAtMs: parts.now(),
    introduce: (context) => running.target.introduce(context),
    store: () => parts.save(recordNow(running), { anew: true }),
    restore: (context) => restore(running, context),
    post: (passage) => post(talk, passage),
    get: (request, correlation) => get(talk, request, correlation),
    async rest() {
      running.target.rest();
      await running.streams.settled();
      await parts.save(recordNow(running));
    },
    async handOver() {
      running.target.rest();
      running.streams.end(standing);
      while (running.answering.size > 0) await Promise.all(running.answering);
      await running.streams.settled();
      await close(talk, true);
    },
    close: ({ resumable }) => close(talk, resumable),
  };
}

async function close({ running, asks }: Talk, resumable: boolean): Promise<void> {
  asks.close();
  for (const cancel of running.underWay.values()) cancel.abort();
  running.streams.close();
  const leaves = resumable && running.target.resumption() !== undefined;
  await (leaves ? running.target.leave() : running.target.close());
}

function openTalk(parts: SessionParts): Talk {
  const { id, caller, record, events, limits, log, openTarget, save, now } = parts;
  const heard = openHeard(record.heard, limits, now);
  const streams = openStreams({
    events,
    generation: record.generation,
    primes: record.version >= '2025-11-25',
    stood: record.told !== undefined,
    keepAliveMs: 15_000,
    onTold: (told) => heard.told(told) && storeAside(running),
  });
  const asks = openAsks({
    capabilities: record.capabilities,
    askSeconds: limits.askSeconds,
    asksMax: limits.asksMax,
    send: ({ id, method, params }) =>
      tell(running, { id, method, ...(params === undefined ? {} : { params }) }),
    notify: (notice) => void tell(running, notice),
  });
  const { level, subscriptions, resumption, heard: _, told: __, ...rest } = record;
  const state = { ...rest, level, subscriptions: new Set(subscriptions) };
  const target = openTarget(
    {
      caller,
      era: 'legacy',
      capabilities: record.capabilities,
      holder: record.holder,
      hear: (notice, at) => hear(running, notice, at),
      heardUpTo: (upstream) => heard.of(upstream),
      ask: (asked) => asks.ask(asked),
    },
    resumption,
  );
  const running: Running = {
    target,
    streams,
    heard,
    log,
    underWay: new Map(),
    answering: new Set(),
    state,
    save,
  };
  return { running, asks, sessionId: id, callsMax: limits.callsMax };
}

async function post({ running, asks, sessionId, callsMax }: Talk, passage: Passage): Promise<Response> {
  const message = passage.body as Values;
  const context = auditContext(passage.caller, passage.correlation);
  const { method, id } = message as { method?: string; id?: RequestId };
  const params = message['params'] as Values | undefined;
  if (method === undefined) {
    asks.answer(message);
    return bare(202);
  }
  if (id === undefined) {
    if (method === 'notifications/cancelled') {
      running.underWay.get(params?.['requestId'] as RequestId)?.abort(params?.['reason']);
      return bare(202);
    }
    await running.target.notify(context, { method, ...(params === undefined ? {} : { params }) });
    return bare(202);
  }
  if (method === 'initialize')
    return rpcError(400, { code: -32600, message: 'Invalid Request: Server already initialized' }, id);
  if (running.underWay.has(id))
    throw refuse('message_invalid', 'a request with this id is under way in this session');
  if (running.underWay.size >= callsMax)
    throw refuse(
      'overloaded',
      `${callsMax} requests of this session are under way: wait for one, or cancel it`,
    );
  const { stream, body } = running.streams.open(id);
  const answering = answerRequest(running, { id, method, params, bytes: passage.bytes, stream, context });
  running.answering.add(answering);
  void answering.finally(() => running.answering.delete(answering));
  asks.deliver();
  return eventStream(sessionId, body);
}

async function get(
  { running, asks, sessionId }: Talk,
  request: Request,
  correlation: string,
): Promise<Response> {
  const lastEventId = request.headers.get('last-event-id');
  const body =
    lastEventId === null
      ? running.streams.stand()
      : await running.streams.resume(lastEventId, (id) => lost(id, correlation));
  // Whoever takes the session over has to know that its client listens.
  storeAside(running);
  if (body === undefined)
    return rpcError(409, { code: -32000, message: 'Conflict: Only one SSE stream is allowed per session' });
  asks.deliver();
  return eventStream(sessionId, body);
}

function storeAside(running: Running): void {
  running.save(recordNow(running)).catch((error: unknown) => running.log.warn({ err: error }, notStored));
}

function lost(id: RequestId, correlation: string): Outgoing {
  const said = 'the answer to this request was lost; whether the request took effect is not known';
  return { jsonrpc: '2.0', id, error: errorAnswer(refuse('request_lost', said), correlation) };
}

// On a stream that somebody listens to: that of a request under way before the standing one. `false`: there is none.
function tell({ streams }: Running, message: Notice & { readonly id?: string }): boolean {
  const stream = streams.newest() ?? (streams.isLive(standing) ? standing : undefined);
  if (stream === undefined) return false;
  streams.send(stream, { jsonrpc: '2.0', ...message });
  return true;
}

// Lists and resources are news of the session, for the standing stream alone, where they are kept for one that broke.
// Log messages belong to what is under way; with no standing stream they go there.
function hear(running: Running, { method, params }: Notice, at: Position | undefined): void {
  const { streams, state } = running;
  const isLog = method === 'notifications/message';
  if (isLog && state.level !== undefined && !isLoud(params?.['level'], state.level)) return;
  const stands = at === undefined ? streams.isLive(standing) : streams.isKept(standing);
  const aside = isLog && !stands ? streams.newest() : undefined;
  const message = { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) } as const;
  streams.send(aside ?? standing, message, { at });
}

async function restore(running: Running, context: AuditContext): Promise<void> {
  const { target, state, log } = running;
  const say = async (method: string, params: Values): Promise<void> => {
    const signal = new AbortController().signal;
    await target.request({ context, method, params, bytes: undefined, signal, onProgress: undefined });
  };
  const told = [
    target.notify(context, { method: 'notifications/initialized' }),
    ...(state.level === undefined ? [] : [say('logging/setLevel', { level: state.level })]),
    ...[...state.subscriptions].map((uri) => say('resources/subscribe', { uri })),
    listsChanged(running, context),
  ];
  for (const one of await Promise.allSettled(told))
    if (one.status === 'rejected')
      log.warn({ err: one.reason as unknown }, 'a session was taken over in part');
}

// What the gateway itself serves may have changed while nobody owned the session, and changes that came in a burst are told
// late: an owner that died may owe them.
async function listsChanged({ target, streams }: Running, context: AuditContext): Promise<void> {
  const { capabilities = {} } = (await target.introduce(context)) as { readonly capabilities?: Values };
  for (const list of ['tools', 'prompts', 'resources'])
    if ((capabilities[list] as Values | undefined)?.['listChanged'] === true)
      streams.send(standing, { jsonrpc: '2.0', method: `notifications/${list}/list_changed` });
}
