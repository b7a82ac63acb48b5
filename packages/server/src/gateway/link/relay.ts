import { ProtocolError, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import { Refusal, type Audit, type AuditOutcome } from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import type { Notice, Relayed, Values } from '../front/target.ts';
import { methodOf } from '../methods.ts';
import { toldParameters } from '../parameters.ts';
import { askedOf } from '../use.ts';
import { hold, type Reached } from './slot.ts';

// One request on its way to an upstream. To a child: attempt durable, sent, outcome noted, here; over HTTP the gate does
// that for each request that goes out. So nothing reaches an upstream without an entry, and nothing has two.

/** What relaying needs. */
export interface RelayParts {
  readonly audit: Audit;
  readonly now: () => number;
  readonly callTimeoutMs: number;
}

/** A request, whose it is, and where the log messages go that are its own. */
export interface Sent extends Relayed {
  readonly subject: string;
  readonly onLog: (notice: Notice) => void;
}

/**
 * Relay one request and answer with the upstream's result, untouched.
 *
 * @throws ProtocolError with the upstream's own error; Refusal `audit_unavailable`, `upstream_unavailable`,
 *   `upstream_timeout`, `upstream_unauthorized`; an `AbortError` when `signal` ended it
 */
export async function relay(parts: RelayParts, reached: Reached, sent: Sent): Promise<unknown> {
  const { slot, link } = reached;
  const { now } = parts;
  // Before anything is waited for: what is quiet may be ended to make room.
  const letGo = hold(slot, now);
  const done = link.audited
    ? () => undefined
    : await attempt(parts, reached, sent).catch((error: unknown) => {
        letGo();
        throw error;
      });
  const startedAtMs = now();
  let outcome: AuditOutcome = { out: 'success' };
  try {
    const result = await send(parts, reached, sent);
    if (isToolError(result)) outcome = { out: 'failure', code: 'tool_error' };
    return result;
  } catch (thrown) {
    const error = explain(thrown, slot.upstream.name, sent.signal);
    outcome = outcomeOf(error);
    throw error;
  } finally {
    letGo();
    done({ ...outcome, ms: now() - startedAtMs });
  }
}

async function attempt(
  { audit }: RelayParts,
  { slot: { upstream } }: Reached,
  { context, method, params, bytes }: Sent,
): Promise<(outcome: AuditOutcome) => void> {
  const { act, nameIn } = methodOf(method);
  const name = nameIn === 'name' ? params?.['name'] : undefined;
  const tool = typeof name === 'string' ? name : undefined;
  const receipt = await audit.record('strict', context, {
    act,
    object: `upstream:${upstream.name}`,
    service: upstream.name,
    request: {
      method,
      ...askedOf(upstream, tool, toldParameters(act, params)),
      ...(bytes === undefined ? {} : { bytes }),
    },
  });
  return (outcome) => audit.outcome(receipt.entry, context, outcome);
}

async function send({ callTimeoutMs }: RelayParts, { slot, link }: Reached, sent: Sent): Promise<unknown> {
  const { subject, method, params, context, signal, onProgress, onLog } = sent;
  const timeoutMs = callTimeoutMs;
  slot.tasks.check(subject, method, params);
  const uri = params?.['uri'];
  if (method === 'resources/subscribe' && typeof uri === 'string') {
    await slot.watches.add(link, uri, { context, timeoutMs });
    return {};
  }
  if (method === 'resources/unsubscribe' && typeof uri === 'string') {
    await slot.watches.drop(uri);
    return {};
  }
  const result = await link.request(method, params, { context, signal, timeoutMs, onProgress, onLog });
  slot.tasks.note(subject, result);
  return slot.tasks.filter(subject, method, result);
}

/** What came of it, in the words of the gateway. */
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
