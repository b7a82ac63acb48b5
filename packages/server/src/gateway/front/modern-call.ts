import type { Audit } from '@sealgate/vault';
import { isOf, type Caller, type Whose } from '../../caller.ts';
import { isLoud } from '../link/log-level.ts';
import { answerUpstream } from '../methods.ts';
import type { Owners, Passage } from '../owner/owners.ts';
import { auditContext } from '../use.ts';
import { lacking, openAskingCall, type AskingCall, type Waiter } from './asking-call.ts';
import { againOf, refuseDeclined } from './call-again.ts';
import { missingFor } from './input-capabilities.ts';
import type { ModernRequest } from './modern-envelope.ts';
import type { ModernLimits } from './modern-limits.ts';
import { refuseUnknown } from './modern-methods.ts';
import type { ModernReply } from './modern-reply.ts';
import { stamped } from './modern-result.ts';
import { openParked, type Park, type Parked } from './parked.ts';
import { invalid, type Kept, type Origin, type RequestStates } from './request-state.ts';
import type { Lease, Seats } from './seats.ts';
import type { Values } from './target.ts';

// Calls in whose course the client may be asked (MCP 2026-07-28, multi round-trip requests). An upstream of the sessions'
// era asks while the call is under way: the client gets `input_required`, the call waits, and the client's retry goes on
// with that same call. A retry never makes the call a second time.

/** The calls. */
export interface ModernCalls {
  /** @throws Refusal those of the target, `request_state_invalid`, `overloaded`; ProtocolError of the upstream */
  answer(asked: CallStep): Promise<void>;
  parkedCount(): number;
  endOf(whose: Whose): void;
  close(): void;
}

/** One request and everything to answer it with. */
export interface CallStep {
  readonly passage: Passage;
  readonly request: ModernRequest;
  readonly http: Request;
  readonly reply: ModernReply;
}

/** What calls are made with. */
export interface ModernCallParts {
  readonly seats: Seats;
  readonly states: RequestStates;
  readonly audit: Audit;
  readonly owners: Pick<Owners, 'self' | 'pass'>;
  readonly limits: ModernLimits;
  readonly now: () => number;
}

interface State extends ModernCallParts {
  readonly parked: Parked;
  readonly running: Map<AskingCall, Caller>;
}

const asking = new Set(['tools/call', 'prompts/get', 'resources/read']);

/** Whether the method may be answered with `input_required`. */
export function isAsking(method: string): boolean {
  return asking.has(method);
}

/** No call is under way yet. */
export function openModernCalls(parts: ModernCallParts): ModernCalls {
  const state: State = { ...parts, parked: openParked(parts.limits), running: new Map() };
  return {
    answer: (step) => answer(state, step),
    parkedCount: state.parked.count,
    endOf(whose) {
      state.parked.endOf(whose);
      for (const [call, caller] of state.running) if (isOf(caller, whose)) call.end('access was ended');
    },
    close() {
      state.parked.close();
      for (const call of state.running.keys()) call.end('the gateway is shutting down');
    },
  };
}

async function answer(state: State, step: CallStep): Promise<void> {
  const { requestState, inputResponses } = step.request.params;
  if (requestState === undefined && inputResponses === undefined)
    return begin(state, step, step.request.params);
  const kept = await state.states.take(originOf(step), requestState);
  if (kept.kind === 'parked') return resume(state, step, kept);
  const { requestState: _, inputResponses: __, ...params } = step.request.params;
  if (kept.kind === 'again') {
    refuseDeclined(inputResponses);
    return begin(state, step, params);
  }
  return begin(state, step, {
    ...params,
    ...(inputResponses === undefined ? {} : { inputResponses }),
    ...(kept.state === undefined ? {} : { requestState: kept.state }),
  });
}

async function begin(state: State, step: CallStep, params: Values): Promise<void> {
  const { passage, request, reply } = step;
  const { caller, address } = passage;
  const call = openAskingCall();
  const who = { caller, address, capabilities: request.capabilities, logs: request.logLevel !== undefined };
  const lease = await state.seats.occupy(who, call.occupant, reply.gone);
  try {
    call.introduction = await lease.seat.target.introduce(contextOf(step));
    refuseUnknown(request.method, call.introduction);
    await setLevel(lease, step, call.introduction);
  } catch (error) {
    lease.release();
    throw error;
  }
  state.running.set(call, caller);
  call.start(
    waiterOf(step),
    (signal, onProgress) =>
      lease.seat.target.request({
        context: contextOf(step),
        method: request.method,
        params,
        bytes: passage.bytes,
        signal,
        onProgress: request.progressToken === undefined ? undefined : onProgress,
      }),
    () => {
      state.running.delete(call);
      lease.release();
    },
  );
  return proceed(state, step, call);
}

async function resume(state: State, step: CallStep, kept: Kept & { kind: 'parked' }): Promise<void> {
  if (kept.instance !== state.owners.self) {
    step.reply.hush();
    const passed = await state.owners.pass(kept.instance, step.passage, step.http);
    if (passed === 'dead') throw invalid('the instance that held this request is gone: make it again');
    return step.reply.drop(passed);
  }
  const taken = state.parked.take(kept.park, kept.round);
  if (taken === undefined) throw invalid();
  await noteAnswer(state, step).catch((error: unknown) => {
    taken.call.end('the answer could not be noted');
    throw error;
  });
  taken.call.answer(step.request.params['inputResponses']);
  return proceed(state, step, taken.call, taken.park);
}

async function proceed(state: State, step: CallStep, call: AskingCall, before?: Park): Promise<void> {
  const { request, reply } = step;
  const { serverInfo } = call.introduction;
  const finish = (result: unknown): void =>
    reply.finish({ jsonrpc: '2.0', id: request.id, result: stamped(request.method, result, serverInfo) });
  const turn = await call.wait(waiterOf(step)).catch(async (error: unknown) => {
    const inputRequests = againOf(error, request.capabilities);
    if (inputRequests === undefined) throw error;
    return { kind: 'again', inputRequests } as const;
  });
  if (turn.kind === 'again')
    return finish(await required(state, step, turn.inputRequests, { kind: 'again' }));
  if (turn.kind === 'settled') return finish(await sealed(state, step, turn.result));
  const park = state.parked.park(step.passage.caller, call, before);
  const kept: Kept = { kind: 'parked', instance: state.owners.self, park: park.id, round: park.round };
  const result = await required(state, step, turn.inputRequests, kept).catch((error: unknown) => {
    state.parked.take(park.id, park.round)?.call.end('the request state could not be sealed');
    throw error;
  });
  // Nobody will come back with a state that nobody was given.
  if (reply.gone.aborted) state.parked.take(park.id, park.round)?.call.end('the client is gone');
  finish(result);
}

async function required(
  { states, limits, now }: State,
  step: CallStep,
  inputRequests: Values,
  kept: Kept,
): Promise<Values> {
  const endsAtMs = now() + limits.parkedSeconds * 1000;
  const requestState = await states.give(originOf(step), kept, endsAtMs);
  return { resultType: 'input_required', inputRequests, requestState };
}

/** An upstream's own `input_required`, with its state for this person and request alone. */
async function sealed({ states, limits, now }: State, step: CallStep, result: unknown): Promise<unknown> {
  const { resultType, requestState } = (result ?? {}) as { resultType?: unknown; requestState?: unknown };
  if (resultType !== 'input_required') return result;
  refuseUndeclared(step, (result as Values)['inputRequests']);
  const kept: Kept = { kind: 'upstream', state: typeof requestState === 'string' ? requestState : undefined };
  const endsAtMs = now() + limits.upstreamStateSeconds * 1000;
  return { ...(result as Values), requestState: await states.give(originOf(step), kept, endsAtMs) };
}

function refuseUndeclared({ request: { capabilities } }: CallStep, inputRequests: unknown): void {
  for (const { method, params } of Object.values((inputRequests ?? {}) as Record<string, Values>)) {
    const missing = missingFor(String(method), params as Values | undefined, capabilities);
    if (missing !== undefined && missing !== 'unknown') throw lacking(missing);
  }
}

function waiterOf({ request, reply }: CallStep): Waiter {
  const { progressToken, logLevel, capabilities } = request;
  return {
    capabilities,
    signal: reply.gone,
    log(params) {
      if (isLoud(params['level'], logLevel)) reply.notify('notifications/message', params);
    },
    progress(progress) {
      if (progressToken !== undefined) reply.notify('notifications/progress', { ...progress, progressToken });
    },
  };
}

async function setLevel({ seat }: Lease, step: CallStep, { capabilities }: Values): Promise<void> {
  const { logLevel: level } = step.request;
  if (
    level === undefined ||
    seat.level === level ||
    (capabilities as Values | undefined)?.['logging'] === undefined
  )
    return;
  const asked = { method: 'logging/setLevel', params: { level }, bytes: undefined, onProgress: undefined };
  await seat.target.request({ ...asked, context: contextOf(step), signal: step.reply.gone }).then(
    () => (seat.level = level),
    () => undefined,
  );
}

// The attempt is the first request's; that its questions were answered is noted of each retry.
async function noteAnswer({ audit }: State, step: CallStep): Promise<void> {
  const { upstream } = step.passage.address;
  const receipt = await audit.record('strict', contextOf(step), {
    act: answerUpstream.act,
    object: upstream === undefined ? 'upstreams' : `upstream:${upstream}`,
    ...(upstream === undefined ? {} : { service: upstream }),
    request: { method: step.request.method },
  });
  audit.outcome(receipt.entry, contextOf(step), { out: 'success' });
}

function originOf({ passage, request }: CallStep): Origin {
  const { caller, address } = passage;
  return { caller, address, method: request.method, params: request.params };
}

function contextOf({ passage }: CallStep) {
  return auditContext(passage.caller, passage.correlation);
}
