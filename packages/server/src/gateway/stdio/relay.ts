import { ProtocolError, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import { Refusal, type Audit, type AuditContext, type AuditOutcome } from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import { methodOf } from '../methods.ts';
import type { Child } from './child.ts';
import { hold, type Slot } from './slot.ts';

// One request on its way to a child: attempt durable, sent, outcome noted. Both fronts (sessions and single requests)
// go through here, so nothing reaches a child without an entry.

type Values = Readonly<Record<string, unknown>>;

/** One request to relay. */
export interface Relayed {
  readonly context: AuditContext;
  readonly subject: string;
  readonly method: string;
  readonly params: Values | undefined;
  readonly bytes: number | undefined;
  readonly signal: AbortSignal;
  readonly onProgress: ((progress: Values) => void) | undefined;
}

/** What relaying needs. */
export interface RelayParts {
  readonly audit: Audit;
  readonly now: () => number;
  readonly callTimeoutMs: number;
}

/** A JSON-RPC error as it goes out. */
export interface ErrorAnswer {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/**
 * Relay one request and answer with the child's result, untouched.
 *
 * @throws ProtocolError with the child's own error; Refusal `audit_unavailable`, `upstream_unavailable`, `upstream_timeout`;
 *   an `AbortError` when `signal` ended it
 */
export async function relay(
  { audit, now, callTimeoutMs }: RelayParts,
  slot: Slot,
  child: Child,
  relayed: Relayed,
): Promise<unknown> {
  const { context, method, bytes } = relayed;
  const tool = method === 'tools/call' ? relayed.params?.['name'] : undefined;
  const receipt = await audit.record('strict', context, {
    act: methodOf(method).act,
    object: `upstream:${slot.upstream.name}`,
    service: slot.upstream.name,
    request: {
      method,
      ...(typeof tool === 'string' ? { tool } : {}),
      ...(bytes === undefined ? {} : { bytes }),
    },
  });
  const startedAtMs = now();
  const release = hold(slot, now);
  let outcome: AuditOutcome = { out: 'success' };
  try {
    const result = await send(slot, child, relayed, callTimeoutMs);
    if (isToolError(result)) outcome = { out: 'failure', code: 'tool_error' };
    return result;
  } catch (thrown) {
    const error = explain(thrown, slot.upstream.name, relayed.signal);
    outcome = outcomeOf(error);
    throw error;
  } finally {
    release();
    audit.outcome(receipt.entry, context, { ...outcome, ms: now() - startedAtMs });
  }
}

/** What a caller is told of a failure. `correlation` lets the operator find it in the log. */
export function errorAnswer(error: unknown, correlation: string): ErrorAnswer {
  if (error instanceof ProtocolError)
    return {
      code: error.code,
      message: error.message,
      ...(error.data === undefined ? {} : { data: error.data }),
    };
  if (error instanceof Refusal)
    return { code: -32000, message: error.message, data: { code: error.code, requestId: correlation } };
  return { code: -32603, message: 'Internal error', data: { code: 'internal', requestId: correlation } };
}

async function send(
  slot: Slot,
  child: Child,
  { subject, method, params, signal, onProgress }: Relayed,
  timeoutMs: number,
): Promise<unknown> {
  slot.tasks.check(subject, method, params);
  const uri = params?.['uri'];
  if (method === 'resources/subscribe' && typeof uri === 'string') {
    await slot.watches.add(child, uri, timeoutMs);
    return {};
  }
  if (method === 'resources/unsubscribe' && typeof uri === 'string') {
    await slot.watches.drop(uri);
    return {};
  }
  const result = await child.request(method, params, { signal, timeoutMs, onProgress });
  slot.tasks.note(subject, result);
  return slot.tasks.filter(subject, method, result);
}

function explain(error: unknown, upstream: string, signal: AbortSignal): unknown {
  if (signal.aborted) return new DOMException('the request was cancelled', 'AbortError');
  if (!(error instanceof SdkError)) return error;
  if (error.code === SdkErrorCode.RequestTimeout)
    return refuse('upstream_timeout', `upstream "${upstream}" did not answer in time`);
  if (error.code === SdkErrorCode.MethodNotSupportedByProtocolVersion)
    return new ProtocolError(-32601, 'Method not found');
  return refuse(
    'upstream_unavailable',
    `upstream "${upstream}" ended before it answered; the next request starts it again`,
    error.message,
  );
}

function outcomeOf(error: unknown): AuditOutcome {
  if (error instanceof ProtocolError) return { out: 'failure', code: String(error.code) };
  if (error instanceof Refusal) return { out: 'error', code: error.code };
  return error instanceof DOMException ? { out: 'aborted' } : { out: 'error', code: 'internal' };
}

function isToolError(result: unknown): boolean {
  return typeof result === 'object' && result !== null && (result as Values)['isError'] === true;
}
