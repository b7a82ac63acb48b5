import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext, Refusal } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Position, Values } from '../front/target.ts';
import { Silence } from '../silence.ts';
import { isDeclared } from './capabilities.ts';
import { withoutSubscription } from './child-notices.ts';
import type { LinkEvents, Sending } from './link.ts';
import { openPatience, type Patience } from './patience.ts';

// The requests of one link over HTTP: which answer is whose, whose progress, whose log message, and how long each may take.

/** One request that waits for its answer. */
export interface Waiting {
  readonly id: number;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  readonly answered: () => boolean;
}

/** How a message that came in is to be taken. */
export interface Origin {
  readonly context: AuditContext;
  /** The request on whose stream it came; `undefined`: on no request's. */
  readonly sending: Sending | undefined;
  /** Where the stream stood on which it came; `undefined`: nobody can go on from there. */
  readonly at?: Position | undefined;
}

/** The requests of one link. */
export interface Calls {
  /**
   * Open a request, hand it to `deliver`, and wait for its answer.
   *
   * @throws ProtocolError the upstream's own error; Refusal `upstream_timeout`, `upstream_unavailable` when it was delivered and
   *   not answered; whatever `deliver` throws
   */
  run(sending: Sending, deliver: (waiting: Waiting) => Promise<void>): Promise<unknown>;
  /** Take one message of the upstream. */
  take(message: Values, origin: Origin): void;
  /** End everything that waits. */
  close(): void;
}

/** What the requests are made with. */
export interface CallsParts {
  readonly upstream: HttpUpstream;
  readonly capabilities: Values;
  readonly events: LinkEvents;
  /** Number before the first request's. Who goes on with a session must not use those of requests that are under way in it. */
  readonly idsFrom: number;
  /** Post an answer to a request of the upstream. */
  readonly post: (message: Values, context: AuditContext) => Promise<void>;
  /** Called with the id of a request that was given up while it was under way. */
  readonly onGivenUp: (id: number, context: AuditContext) => Promise<void>;
}

/** How long an upstream may keep the stream of a request open that it has answered. */
const lingerMs = 5000;

interface Entry {
  readonly sending: Sending;
  readonly settle: (message: Values) => void;
  readonly fail: (error: unknown) => void;
}

interface State {
  readonly waiting: Map<number, Entry>;
  readonly asked: Map<unknown, AbortController>;
  readonly patience: Patience;
  lastId: number;
}

/** No requests yet. */
export function openCalls(parts: CallsParts): Calls {
  const state: State = {
    waiting: new Map(),
    asked: new Map(),
    patience: openPatience(),
    lastId: parts.idsFrom,
  };
  return {
    run: (sending, deliver) => run(parts, state, sending, deliver),
    take: (message, origin) => take(parts, state, message, origin),
    close() {
      for (const { fail } of state.waiting.values()) fail(unanswered(parts.upstream));
      for (const one of state.asked.values()) one.abort();
    },
  };
}

async function run(
  parts: CallsParts,
  state: State,
  sending: Sending,
  deliver: (waiting: Waiting) => Promise<void>,
): Promise<unknown> {
  const id = (state.lastId += 1);
  const stop = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  let done = false;
  let lingering: NodeJS.Timeout | undefined;
  const finish = (how: () => void): void => {
    if (done) return;
    done = true;
    state.waiting.delete(id);
    how();
    lingering = setTimeout(() => stop.abort(), lingerMs).unref();
  };
  const fail = (error: unknown): void => finish(() => reject(asError(error)));
  const giveUp = (error: unknown): void => {
    if (done) return;
    fail(error);
    void parts.onGivenUp(id, sending.context).finally(() => stop.abort(error));
  };
  const settled = (message: Values): void => finish(() => settle(message, resolve, reject));
  state.waiting.set(id, { sending, fail, settle: settled });
  const onAbort = (): void => giveUp(new DOMException('the request was cancelled', 'AbortError'));
  const stopClock = state.patience.limit(sending.timeoutMs, () => giveUp(tooLate(parts.upstream)));
  sending.signal.addEventListener('abort', onAbort, { once: true });
  if (sending.signal.aborted) onAbort();
  else
    deliver({ id, signal: stop.signal, answered: () => done })
      .then(() => fail(unanswered(parts.upstream)), fail)
      .finally(() => clearTimeout(lingering));
  try {
    return await promise;
  } finally {
    stopClock();
    sending.signal.removeEventListener('abort', onAbort);
  }
}

function take(parts: CallsParts, state: State, message: Values, origin: Origin): void {
  const { id, method } = message;
  if (typeof method !== 'string') return state.waiting.get(Number(id))?.settle(message);
  const params = message['params'] as Values | undefined;
  if (id !== undefined) return void answer(parts, { ...state, message, origin });
  if (method === 'notifications/progress') {
    const { progressToken, ...rest } = params ?? {};
    return state.waiting.get(Number(progressToken))?.sending.onProgress?.(rest);
  }
  if (method === 'notifications/cancelled') return state.asked.get(params?.['requestId'])?.abort();
  if (method === 'notifications/subscriptions/acknowledged') return;
  const notice = withoutSubscription({ method, params });
  const onLog = method === 'notifications/message' ? origin.sending?.onLog : undefined;
  if (onLog === undefined) parts.events.onNotice(notice, origin.at);
  else onLog(notice);
}

const askedMax = 64;

interface Question {
  readonly message: Values;
  readonly origin: Origin;
  readonly asked: Map<unknown, AbortController>;
  readonly patience: Patience;
}

async function answer(parts: CallsParts, { message, origin, asked, patience }: Question): Promise<void> {
  const { id, method } = message as { id: unknown; method: string };
  const params = message['params'] as Values | undefined;
  // Each answer is a request with an entry of its own. What asks more than anybody answers, or twice under one id, is not heard.
  if (asked.size >= askedMax || asked.has(id)) return;
  const cancel = new AbortController();
  asked.set(id, cancel);
  const reply = (body: Values): Promise<void> => parts.post({ jsonrpc: '2.0', id, ...body }, origin.context);
  try {
    if (method === 'ping') return await reply({ result: {} });
    if (!isDeclared(method, parts.capabilities)) throw new ProtocolError(-32601, 'Method not found');
    const asking = parts.events.onAsk({ method, params, signal: cancel.signal });
    const result = await patience.during(asking);
    if (!cancel.signal.aborted) await reply({ result });
  } catch (error) {
    if (!cancel.signal.aborted) await reply({ error: errorOf(error) }).catch(() => undefined);
  } finally {
    asked.delete(id);
  }
}

function errorOf(error: unknown): Values {
  if (!(error instanceof ProtocolError)) return { code: -32603, message: 'The client did not answer' };
  const { code, message, data } = error;
  return { code, message, ...(data === undefined ? {} : { data }) };
}

function settle(
  { result, error }: Values,
  resolve: (value: unknown) => void,
  reject: (reason: Error) => void,
): void {
  if (typeof error !== 'object' || error === null) return resolve(result);
  const { code, message, data } = error as { code?: unknown; message?: unknown; data?: unknown };
  reject(new ProtocolError(Number(code), typeof message === 'string' ? message : 'Error', data));
}

function asError(error: unknown): Error {
  return error instanceof Error
    ? error
    : new Error('something that is no error was thrown', { cause: error });
}

function tooLate({ name }: HttpUpstream): Refusal {
  return new Silence('upstream_timeout', `upstream "${name}" did not answer in time`);
}

function unanswered({ name }: HttpUpstream): Refusal {
  return refuse('upstream_unavailable', `upstream "${name}" broke off before it answered`);
}
