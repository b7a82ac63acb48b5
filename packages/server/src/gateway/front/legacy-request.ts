import type { RequestId } from '@modelcontextprotocol/server';
import type { AuditContext } from '@sealgate/vault';
import type { Log } from '../../log.ts';
import { logLevelOf, type LogLevel } from '../link/log-level.ts';
import { errorAnswer } from './error-answer.ts';
import type { Heard } from './heard.ts';
import type { SessionRecord } from './session-record.ts';
import type { Streams } from './session-streams.ts';
import type { Target, Values } from './target.ts';

// One request of a legacy session: to the target, and the answer onto the request's own stream. What it changes in the
// session is stored before it is answered.

/**
 * Store what has changed. `false`: the session was ended, or is served elsewhere.
 *
 * @param how `anew`: store it although nothing has changed
 */
export type Save = (record: SessionRecord, how?: { readonly anew: boolean }) => Promise<boolean>;

/** What a running session consists of. */
export interface Running {
  readonly target: Target;
  readonly streams: Streams;
  readonly log: Log;
  readonly underWay: Map<RequestId, AbortController>;
  /** Requests that are being answered. */
  readonly answering: Set<Promise<void>>;
  readonly heard: Heard;
  /** The record but for what the target needs to go on, and how far it was heard. */
  readonly state: State;
  readonly save: Save;
}

/** The part of a record that requests change. */
export interface State extends Omit<
  SessionRecord,
  'level' | 'subscriptions' | 'resumption' | 'heard' | 'told'
> {
  level: LogLevel | undefined;
  readonly subscriptions: Set<string>;
}

/** One request, and where its answer goes. */
export interface Taken {
  readonly id: RequestId;
  readonly method: string;
  readonly params: Values | undefined;
  readonly bytes: number | undefined;
  readonly stream: string;
  readonly context: AuditContext;
}

/** For the log. */
export const notStored = 'a session could not be stored';

/** The record as of now. */
export function recordNow({
  state,
  target,
  heard,
  streams,
}: Pick<Running, 'state' | 'target' | 'heard' | 'streams'>): SessionRecord {
  heard.stored();
  return {
    ...state,
    subscriptions: [...state.subscriptions],
    resumption: target.resumption(),
    heard: heard.all(),
    told: streams.told(),
  };
}

/** Answer it. Never rejects. */
export async function answerRequest(running: Running, taken: Taken): Promise<void> {
  const { streams, underWay, log } = running;
  const { id, stream, context } = taken;
  const cancel = new AbortController();
  underWay.set(id, cancel);
  try {
    const result = await relay(running, taken, cancel.signal);
    if (cancel.signal.aborted) streams.end(stream);
    else streams.send(stream, { jsonrpc: '2.0', id, result }, { final: true });
  } catch (thrown) {
    // Nobody waits for a cancelled request's answer; its stream is closed instead.
    if (cancel.signal.aborted) return streams.end(stream);
    const error = errorAnswer(thrown, context.correlation);
    if (error.code === -32603 && (error.data as Values | undefined)?.['code'] === 'internal')
      log.error({ correlation: context.correlation, err: thrown }, 'a relayed request failed');
    streams.send(stream, { jsonrpc: '2.0', id, error }, { final: true });
  } finally {
    underWay.delete(id);
  }
}

async function relay(running: Running, taken: Taken, signal: AbortSignal): Promise<unknown> {
  const { method, params, bytes, context, stream } = taken;
  if (method === 'ping') return {};
  const token = (params?.['_meta'] as Values | undefined)?.['progressToken'];
  const onProgress = (progress: Values): void =>
    running.streams.send(stream, {
      jsonrpc: '2.0',
      method: 'notifications/progress',
      params: { ...progress, progressToken: token },
    });
  const result = await running.target.request({
    context,
    method,
    params,
    bytes,
    signal,
    onProgress: token === undefined ? undefined : onProgress,
  });
  note(running.state, method, params);
  // The upstream has answered; that the session could not be stored is no reason to keep it back.
  await running
    .save(recordNow(running))
    .catch((error: unknown) => running.log.warn({ err: error }, notStored));
  return result;
}

function note(state: State, method: string, params: Values | undefined): void {
  const uri = params?.['uri'];
  if (method === 'logging/setLevel') state.level = logLevelOf(params?.['level']) ?? state.level;
  else if (method === 'resources/subscribe' && typeof uri === 'string') state.subscriptions.add(uri);
  else if (method === 'resources/unsubscribe' && typeof uri === 'string') state.subscriptions.delete(uri);
}
