import { Refusal, type Audit, type Sealer } from '@sealgate/vault';
import { isOf, type Caller, type Whose } from '../../caller.ts';
import type { McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { methodOf } from '../methods.ts';
import type { Owners, Passage, Served } from '../owner/owners.ts';
import { auditContext } from '../use.ts';
import { listen } from './listen.ts';
import { isAsking, openModernCalls, type ModernCalls } from './modern-call.ts';
import { readInbound, type ModernRequest } from './modern-envelope.ts';
import type { ModernLimits } from './modern-limits.ts';
import { refuseUnknown } from './modern-methods.ts';
import { openReply, type ModernReply } from './modern-reply.ts';
import { discovered, modernError, stamped } from './modern-result.ts';
import { openRequestStates } from './request-state.ts';
import { openSeats, type Seats, type Who } from './seats.ts';
import type { OpenTarget } from './target.ts';

// The front of 2026-07-28: every request stands alone, on whatever target is behind the address. What needs more than
// one request (questions of an older upstream, a subscription) is held here, per person, and bounded.

/** Answers requests of 2026-07-28. */
export interface Modern {
  /**
   * Answer one POST. Whether the caller may was decided before.
   *
   * @throws Refusal before anything is written: those of the target, `request_state_invalid`, `overloaded`,
   *   `instance_unavailable`, `key_unavailable`, `audit_unavailable`
   */
  answer(passage: Passage, request: Request): Promise<Served>;
  /** End whatever is held for a person, or for a person's client: its access was ended. */
  endOf(whose: Whose): Promise<void>;
  /** Whether anything is held for them. */
  holds(whose: Whose): boolean;
  /** An upstream was removed or changed: what is held for it was for what it was before. */
  retire(tenant: string, upstream: string): Promise<void>;
  /** Calls that wait for input, streams that listen, conversations that are kept. */
  counts(): { readonly parked: number; readonly listening: number; readonly holders: number };
  close(): Promise<void>;
}

/** What the front is made with. */
export interface ModernParts {
  readonly openTarget: (caller: Caller, address: McpAddress) => OpenTarget;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly audit: Audit;
  readonly owners: Pick<Owners, 'self' | 'pass'>;
  readonly limits: ModernLimits;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Listener {
  readonly caller: Caller;
  readonly stop: () => void;
}

interface State extends ModernParts {
  readonly seats: Seats;
  readonly calls: ModernCalls;
  readonly listening: Set<Listener>;
}

/** Open the front; nothing is contacted before somebody asks. */
export function openModern(parts: ModernParts): Modern {
  const seats = openSeats(parts);
  const calls = openModernCalls({ ...parts, seats, states: openRequestStates(parts.sealer, parts.now) });
  const state: State = { ...parts, seats, calls, listening: new Set() };
  return {
    answer: (passage, request) => answer(state, passage, request),
    async endOf(whose) {
      calls.endOf(whose);
      for (const { caller, stop } of state.listening) if (isOf(caller, whose)) stop();
      await seats.endOf(whose);
    },
    // A call that waits for input keeps its seat.
    holds: (whose) => seats.holds(whose) || [...state.listening].some(({ caller }) => isOf(caller, whose)),
    retire: seats.retire,
    counts: () => ({ parked: calls.parkedCount(), listening: state.listening.size, holders: seats.count() }),
    async close() {
      calls.close();
      for (const { stop } of state.listening) stop();
      await seats.close();
    },
  };
}

/** One request and everything to answer it with. */
interface Step {
  readonly passage: Passage;
  readonly request: ModernRequest;
  readonly http: Request;
  readonly reply: ModernReply;
}

async function answer(state: State, passage: Passage, http: Request): Promise<Served> {
  const done = (): void => undefined;
  const inbound = readInbound(passage.body, http.headers);
  if (inbound.kind === 'refused') return { response: inbound.response, done };
  // The core has no notification for this direction over HTTP: closing the stream cancels. Nobody waits for the rest.
  if (inbound.kind === 'notification') return { response: new Response(null, { status: 202 }), done };
  const reply = openReply(http.signal, state.limits.keepAliveMs);
  const served = serve(state, { passage, request: inbound.request, http, reply }).catch((error: unknown) => {
    if (error instanceof Refusal && !reply.begun && !reply.gone.aborted) {
      reply.drop();
      throw error;
    }
    fail(state, { passage, request: inbound.request, reply }, error);
  });
  return { response: await Promise.race([reply.response, served.then(() => reply.response)]), done };
}

function fail({ log }: State, { passage, request, reply }: Omit<Step, 'http'>, failure: unknown): void {
  const { status, error } = modernError(failure, passage.correlation);
  if (error.code === -32603 && !reply.gone.aborted)
    log.error({ correlation: passage.correlation, err: failure }, 'a relayed request failed');
  reply.finish({ jsonrpc: '2.0', id: request.id, error }, status);
}

async function serve(state: State, step: Step): Promise<void> {
  const { method, params } = step.request;
  if (method === 'server/discover') return single(state, step, async () => undefined);
  if (method === 'subscriptions/listen') return subscribe(state, step);
  if (isAsking(method)) return state.calls.answer(step);
  const { passage, request, reply } = step;
  const token = request.progressToken;
  return single(state, step, async (target) =>
    target.request({
      context: auditContext(passage.caller, passage.correlation),
      method,
      params,
      bytes: passage.bytes,
      signal: reply.gone,
      onProgress:
        token === undefined
          ? undefined
          : (progress) => reply.notify('notifications/progress', { ...progress, progressToken: token }),
    }),
  );
}

/** A request that asks the client nothing. */
async function single(
  state: State,
  step: Step,
  request: (target: ReturnType<OpenTarget>) => Promise<unknown>,
): Promise<void> {
  const { method, id } = step.request;
  const isDiscover = method === 'server/discover';
  if (isDiscover) await note(state, step);
  const lease = state.seats.join(whoOf(step));
  try {
    const { target } = lease.seat;
    const introduction = await target.introduce(contextOf(step));
    refuseUnknown(method, introduction);
    const result = isDiscover ? discovered(introduction) : await request(target);
    step.reply.finish({ jsonrpc: '2.0', id, result: stamped(method, result, introduction['serverInfo']) });
  } finally {
    lease.release();
  }
}

async function subscribe(state: State, step: Step): Promise<void> {
  const { passage, request, reply } = step;
  refuseMoreListening(state, passage.caller);
  let stop = (): void => undefined;
  const listener: Listener = { caller: passage.caller, stop: () => stop() };
  state.listening.add(listener);
  let release = (): void => undefined;
  const over = (): void => {
    state.listening.delete(listener);
    release();
  };
  try {
    await note(state, step);
    const { seat, release: leave } = state.seats.join(whoOf(step));
    release = leave;
    const context = contextOf(step);
    const introduction = await seat.target.introduce(context);
    // What is made of many upstreams opens them now, to hear of their changes.
    await seat.target.notify(context, { method: 'notifications/initialized' }).catch(() => undefined);
    const filter = request.params['notifications'];
    const end = await listen(seat, { id: request.id, filter, introduction, context, reply });
    stop = () => {
      end();
      over();
    };
    if (reply.gone.aborted || !seat.listeners.size) stop();
    else reply.gone.addEventListener('abort', stop, { once: true });
  } catch (error) {
    over();
    throw error;
  }
}

function refuseMoreListening({ listening, limits }: State, { tenant, subject }: Caller): void {
  const theirs = [...listening].filter(
    ({ caller }) => caller.tenant === tenant && caller.subject === subject,
  ).length;
  if (theirs >= limits.listensPerPersonMax || listening.size >= limits.listensMax)
    throw refuse('overloaded', 'too many subscriptions are open: close one first');
}

// What is answered here is noted here; what goes to an upstream is noted on its way.
async function note({ audit }: State, step: Step): Promise<void> {
  const { method } = step.request;
  const { upstream } = step.passage.address;
  const context = contextOf(step);
  const receipt = await audit.record('strict', context, {
    act: methodOf(method).act,
    object: upstream === undefined ? 'upstreams' : `upstream:${upstream}`,
    ...(upstream === undefined ? {} : { service: upstream }),
    request: { method },
  });
  audit.outcome(receipt.entry, context, { out: 'success' });
}

function contextOf({ passage }: Pick<Step, 'passage'>) {
  return auditContext(passage.caller, passage.correlation);
}

function whoOf({ passage, request }: Step): Who {
  const { caller, address } = passage;
  return { caller, address, capabilities: request.capabilities, logs: request.logLevel !== undefined };
}
