import { Refusal, type Answer, type AuditContext, type AuditOutcome, type Gate } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { bodyTypeOf } from '../headers.ts';
import { answerUpstream, closeSession, methodOf, openStream, type Method } from '../methods.ts';
import { eventTail, outcomeOf } from '../outcome.ts';
import { toldParameters } from '../parameters.ts';
import { refuseUnfit } from '../relay.ts';
import { useFor } from '../use.ts';
import { eventsOf, type StreamEvent } from './events.ts';
import { jsonBytesMax, wholeOf } from './whole.ts';
import { refuse } from '../../errors.ts';

// Each request to an HTTP upstream is one use of the gate: its attempt is durable, the credential is lent to it, the
// answer comes back scrubbed, and what came of it is noted. Nothing else of link/ sends anything.

/** One HTTP request of a link. */
export interface Outward {
  readonly context: AuditContext;
  readonly method: 'POST' | 'GET' | 'DELETE';
  /** `undefined` for a GET or DELETE. */
  readonly message: Values | undefined;
  /** The MCP headers; those of HTTP are added. */
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Whether `signal` alone bounds its time. `undefined`: it may take as long as a call may. */
  readonly untimed?: true;
}

/** What is done with an answer. */
export interface Inward {
  /** Decides on the status, before anything is read. @throws what the sender shall get */
  onHead(status: number, headers: Answer['headers']): void;
  onMessage(message: Values): void;
  /** Of an event stream, for resuming it. */
  onEvent(event: StreamEvent): void;
}

/** Who sends, and where to. */
export interface WireParts {
  readonly gate: Pick<Gate, 'use'>;
  readonly upstream: HttpUpstream;
  readonly subject: string;
}

/**
 * Send one request and hand over the messages of its answer. Resolves when the answer is complete.
 *
 * @throws Refusal `upstream_unauthorized`, `upstream_unavailable`, `upstream_timeout`, and those of `Gate.use`; whatever
 *   `inward` throws
 */
export async function exchange(parts: WireParts, outward: Outward, inward: Inward): Promise<void> {
  const { method, message, signal } = outward;
  const { origin, pathname, search } = new URL(parts.upstream.url);
  const body = message === undefined ? undefined : Buffer.from(JSON.stringify(message), 'utf8');
  const named = nameOf(message);
  const is = kindOf(method, named.method);
  const params = toldParameters(is.act, message?.['params'] as Values | undefined);
  const asked = { ...named, params, bytes: body?.byteLength ?? 0 };
  const use = useFor({ ...parts, context: outward.context }, is, asked);
  let failure: { readonly error: unknown } | undefined;
  await parts.gate.use(use, async (lent) => {
    try {
      if (signal.aborted) throw signal.reason;
      const headers = headersOf(outward);
      const clock = outward.untimed === undefined ? {} : { untimed: true as const };
      const answer = await lent({ origin, path: pathname + search, method, headers, body, signal, ...clock });
      return await take(answer, outward, inward, parts.upstream);
    } catch (error) {
      failure = { error };
      if (signal.aborted) return { out: 'aborted' };
      if (!(error instanceof Refusal)) return { out: 'error', code: 'internal' };
      return { out: error.code === 'upstream_unauthorized' ? 'denied' : 'failure', code: error.code };
    }
  });
  if (failure !== undefined) throw failure.error;
}

function headersOf({ method, headers }: Outward): Record<string, string> {
  return {
    accept: method === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
    'accept-encoding': 'identity',
    'user-agent': 'sealgate',
    ...(method === 'POST' ? { 'content-type': 'application/json' } : {}),
    ...headers,
  };
}

async function take(
  answer: Answer,
  { message, method, signal }: Outward,
  inward: Inward,
  upstream: HttpUpstream,
): Promise<AuditOutcome> {
  const { status, headers } = answer;
  const call = { kind: kindOfMessage(message), id: message?.['id'] as string | number | undefined };
  if (method === 'POST' || status !== 405) refuseUnfit(answer, { upstream });
  inward.onHead(status, headers);
  if (bodyTypeOf(headers['content-type']) !== 'events' || answer.body instanceof Uint8Array) {
    const body = await wholeOf(answer.body, jsonBytesMax);
    const isJson = bodyTypeOf(headers['content-type']) === 'json';
    if (isJson && body.byteLength > 0) readJson(body, status, inward, upstream);
    return outcomeOf(call, status, body);
  }
  const tail = eventTail(call);
  for await (const event of eventsOf(seen(answer.body, tail.see))) {
    inward.onEvent(event);
    if (event.data !== '') readEvent(event.data, inward);
  }
  const outcome = tail.outcome();
  return signal.aborted ? { ...outcome, out: 'aborted' } : outcome;
}

async function* seen(
  body: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    see(chunk);
    yield chunk;
  }
}

function readJson(body: Uint8Array, status: number, { onMessage }: Inward, { name }: HttpUpstream): void {
  const parsed = parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  // Revision 2025-03-26 may answer with several messages at once.
  const messages = (Array.isArray(parsed) ? parsed : [parsed]).filter(isMessage);
  if (messages.length === 0 && status < 300)
    throw refuse('upstream_unavailable', `the upstream ${JSON.stringify(name)} answered with no MCP message`);
  for (const message of messages) onMessage(message);
}

// An event that is no message is left out: the stream may go on with one that is.
function readEvent(data: string, { onMessage }: Inward): void {
  const parsed = parse(data);
  for (const message of Array.isArray(parsed) ? parsed : [parsed]) if (isMessage(message)) onMessage(message);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isMessage(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && (value as Values)['jsonrpc'] === '2.0';
}

function nameOf(message: Values | undefined): { readonly method: string; readonly name: unknown } {
  const method = message?.['method'];
  const params = message?.['params'] as Values | undefined;
  return { method: typeof method === 'string' ? method : '', name: params?.['name'] };
}

function kindOf(verb: Outward['method'], method: string): Method {
  if (verb !== 'POST') return verb === 'GET' ? openStream : closeSession;
  return method === '' ? answerUpstream : methodOf(method);
}

function kindOfMessage(message: Values | undefined): 'request' | 'notification' | 'response' {
  if (message === undefined || !('method' in message)) return 'response';
  return 'id' in message ? 'request' : 'notification';
}
