import { ProtocolError } from '@modelcontextprotocol/client';
import { inputParams, missingFor } from './input-capabilities.ts';
import type { Occupant, Question } from './seat.ts';
import type { Values } from './target.ts';

// One call to an upstream that may ask the client on the way. The call goes on while nobody waits for it; whoever waits
// is told either its end or what was asked, several questions at once when they come together.

/** The client's request that waits for the call just now. */
export interface Waiter {
  /** What it declared: it is asked nothing else. */
  readonly capabilities: Values;
  /** Aborts when the client is gone, and the call with it. */
  readonly signal: AbortSignal;
  log(params: Values): void;
  progress(progress: Values): void;
}

/** What there is to tell a waiter. */
export type Turn =
  | { readonly kind: 'settled'; readonly result: unknown }
  | { readonly kind: 'asks'; readonly inputRequests: Values };

/** Sends the call to its target. */
export type Send = (signal: AbortSignal, onProgress: (progress: Values) => void) => Promise<unknown>;

/** One call under way. */
export interface AskingCall {
  readonly occupant: Occupant;
  /** What the target said of itself; `{}` before it did. */
  introduction: Values;
  /** Send it, for this waiter. `release` is called when it has settled, waited for or not. */
  start(waiter: Waiter, send: Send, release: () => void): void;
  /** @throws what the call failed with; ProtocolError -32021 for a question the waiter cannot be asked; an `AbortError` */
  wait(waiter: Waiter): Promise<Turn>;
  /** Answer what was asked. Whatever is left open is asked again by the next turn. */
  answer(responses: unknown): void;
  /** Give it up, at the upstream too. */
  end(reason: string): void;
}

interface State {
  readonly open: Map<string, Question>;
  readonly ending: AbortController;
  settled: Promise<unknown> | undefined;
  waiter: Waiter | undefined;
  /** Called when a question came. */
  onQuestion: (() => void) | undefined;
  asked: number;
}

/** Questions that come within this time of the first are asked together. */
const gatherMs = 20;
const openMax = 16;

/** A call that is not sent yet. */
export function openAskingCall(): AskingCall {
  const state: State = {
    open: new Map(),
    ending: new AbortController(),
    settled: undefined,
    waiter: undefined,
    onQuestion: undefined,
    asked: 0,
  };
  return {
    introduction: {},
    occupant: {
      log: (params) => state.waiter?.log(params),
      ask: (question) => take(state, question),
      leftovers() {
        const left = [...state.open.values()];
        state.open.clear();
        return left;
      },
    },
    start(waiter, send, release) {
      // What the target says at once is for somebody already.
      state.waiter = waiter;
      const settled = send(state.ending.signal, (progress) => state.waiter?.progress(progress));
      state.settled = settled;
      settled.then(release, release);
    },
    wait: (waiter) => wait(state, waiter),
    answer: (responses) => answer(state, responses),
    end: (reason) => state.ending.abort(new DOMException(reason, 'AbortError')),
  };
}

function take(state: State, question: Question): void {
  const { method, params } = question.asked;
  if (missingFor(method, params, {}) === 'unknown')
    return question.reject(new ProtocolError(-32601, 'Method not found'));
  if (state.open.size >= openMax)
    return question.reject(new ProtocolError(-32603, 'too many questions at once'));
  const key = `input-${(state.asked += 1)}`;
  state.open.set(key, question);
  question.asked.signal.addEventListener('abort', () => state.open.delete(key), { once: true });
  state.onQuestion?.();
}

async function wait(state: State, waiter: Waiter): Promise<Turn> {
  const gone = (): void => state.ending.abort(waiter.signal.reason);
  if (waiter.signal.aborted) gone();
  else waiter.signal.addEventListener('abort', gone, { once: true });
  state.waiter = waiter;
  try {
    const settled = state.settled!.then((result) => ({ kind: 'settled', result }) as const);
    for (;;) {
      const turn = await Promise.race([settled, questions(state)]);
      if (turn.kind === 'settled' || state.open.size > 0)
        return turn.kind === 'settled' ? turn : asks(state, waiter);
    }
  } finally {
    state.waiter = undefined;
    state.onQuestion = undefined;
    waiter.signal.removeEventListener('abort', gone);
  }
}

async function questions(state: State): Promise<{ readonly kind: 'asked' }> {
  if (state.open.size === 0) {
    const { promise, resolve } = Promise.withResolvers<void>();
    state.onQuestion = resolve;
    await promise;
  }
  await new Promise((resolve) => setTimeout(resolve, gatherMs));
  return { kind: 'asked' };
}

function asks(state: State, { capabilities }: Waiter): Turn {
  const inputRequests: Record<string, unknown> = {};
  for (const [key, { asked }] of state.open) {
    const missing = missingFor(asked.method, asked.params, capabilities);
    if (missing !== undefined && missing !== 'unknown') {
      state.ending.abort(new DOMException('the client cannot be asked', 'AbortError'));
      throw lacking(missing);
    }
    const params = inputParams(asked.params);
    inputRequests[key] = { method: asked.method, ...(params === undefined ? {} : { params }) };
  }
  return { kind: 'asks', inputRequests };
}

/** The error for a question that the client did not declare it can be asked (MCP 2026-07-28, -32021). */
export function lacking(missing: Values): ProtocolError {
  const names = Object.keys(missing).join(', ');
  return new ProtocolError(-32021, `Missing required client capabilities: ${names}`, {
    requiredCapabilities: missing,
  });
}

function answer(state: State, responses: unknown): void {
  if (!isObject(responses)) return;
  for (const [key, question] of state.open) {
    const response = Object.hasOwn(responses, key) ? responses[key] : undefined;
    // A bare result is an answer; `{method, result}` around it is none (MCP 2026-07-28, multi round-trip requests).
    if (!isObject(response) || 'method' in response || 'result' in response) continue;
    state.open.delete(key);
    question.resolve(response);
  }
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
