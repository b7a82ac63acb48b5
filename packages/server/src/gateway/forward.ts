import {
  Refusal,
  type Answer,
  type AuditOutcome,
  type Gate,
  type Lent,
  type Outgoing,
} from '@sealgate/vault';
import type { HttpUpstream } from '../domain/upstream.ts';
import { upstreamHeaders } from './headers.ts';
import type { Passage } from './passage.ts';
import { relay, type Relayed } from './relay.ts';
import type { SessionHandles } from './session-handle.ts';
import { useOf } from './use.ts';

/** What the way to an upstream is built on. */
export interface ForwardParts {
  readonly gate: Pick<Gate, 'use'>;
  readonly handles: SessionHandles;
  /** Told when an upstream turns down what only its era could make it turn down. */
  readonly doubt?: (tenant: string, upstream: HttpUpstream) => void;
}

/**
 * Passes a call through the gate and its answer back, byte for byte. Resolves when the answer is complete, or the client gone.
 * Once an answer has begun, a failure cuts it off instead of being thrown.
 *
 * @throws Refusal `session_unknown`, `upstream_unauthorized`, `upstream_unavailable`, `upstream_timeout`, and those of `Gate.use`
 */
export type Forward = (passage: Passage) => Promise<void>;

/** Build the way to HTTP upstreams. */
export function openForward({ gate, handles, doubt }: ForwardParts): Forward {
  return async (passage) => {
    const { caller, upstream, call, fields, signal, reply } = passage;
    const owner = { caller, upstream: upstream.name, origin: targetOf(upstream).origin };
    const handle = call.era === 'legacy' ? fields.get('mcp-session-id') : undefined;
    const sessionId = handle === undefined ? undefined : await handles.take(owner, handle);
    // Ends the upstream's request for reasons of our own too, such as an answer that is not passed on.
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    let failure: Error | undefined;
    const relayed: Relayed = {
      passage,
      handles,
      owner,
      session: handle === undefined || sessionId === undefined ? undefined : { handle, sessionId },
    };
    const work = async (lent: Lent): Promise<AuditOutcome> => {
      try {
        const answer = await send(lent, passage, { sessionId, stop: stop.signal });
        if (speaksOfEra(call, answer.status)) doubt?.(caller.tenant, upstream);
        return await relay(answer, relayed);
      } catch (error) {
        failure =
          error instanceof Error
            ? error
            : new Error('something that is no error was thrown', { cause: error });
        return outcomeOfFailure(error, signal);
      }
    };
    try {
      await gate.use(useOf(passage), work);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // Only when something is left to end: aborting costs more than most of the call.
      if (failure !== undefined) stop.abort(failure);
    }
    if (failure === undefined || signal.aborted) return;
    if (!reply.begun()) throw failure;
    reply.cut();
  };
}

// A server of another era turns requests down that a server of the client's would take (MCP 2026-07-28, versioning).
function speaksOfEra({ era, method }: Passage['call'], status: number): boolean {
  const open = era === 'modern' || method === 'initialize';
  return open && (status === 400 || status === 404 || status === 405);
}

function send(
  lent: Lent,
  passage: Passage,
  { sessionId, stop }: { readonly sessionId: string | undefined; readonly stop: AbortSignal },
): Promise<Answer> {
  // The client may have gone while the attempt was written: then nothing is sent.
  if (passage.signal.aborted) throw passage.signal.reason;
  const { call } = passage;
  return lent({
    ...targetOf(passage.upstream),
    method: call.kind === 'stream' ? 'GET' : call.kind === 'close' ? 'DELETE' : 'POST',
    headers: upstreamHeaders(call, passage.fields, sessionId),
    body: passage.body,
    signal: stop,
  });
}

const targets = new WeakMap<HttpUpstream, Pick<Outgoing, 'origin' | 'path'>>();

function targetOf(upstream: HttpUpstream): Pick<Outgoing, 'origin' | 'path'> {
  const known = targets.get(upstream);
  if (known !== undefined) return known;
  const { origin, pathname, search } = new URL(upstream.url);
  const target = { origin, path: pathname + search };
  targets.set(upstream, target);
  return target;
}

function outcomeOfFailure(error: unknown, signal: AbortSignal): AuditOutcome {
  if (signal.aborted) return { out: 'aborted' };
  if (!(error instanceof Refusal)) return { out: 'error', code: 'internal' };
  return { out: error.code === 'upstream_unauthorized' ? 'denied' : 'failure', code: error.code };
}
