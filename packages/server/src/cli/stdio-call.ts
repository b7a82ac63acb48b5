import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { isStream, readMessages, type Reading, type Send } from './stdio-exchange.ts';
import { envelopeVersion, valuesOf, type Mirror, type Values } from './stdio-mirror.ts';
import type { SessionKeeper } from './stdio-session.ts';

// One request of the client on its way, until its answer has been written. The answer is the gateway's, byte for byte;
// when there is none, the client is told so under the same id.

/** A request as it came. */
export interface ClientRequest {
  readonly id: string | number;
  readonly method: string;
  readonly params: Values;
  /** The line. */
  readonly text: string;
}

/** What a call needs. */
export interface CallParts {
  readonly send: Send;
  readonly session: SessionKeeper;
  readonly mirror: Mirror;
  readonly bytesMax: number;
  readonly write: (line: string) => Promise<void>;
}

const resumptionsMax = 20;
const common = { accept: 'application/json, text/event-stream', 'content-type': 'application/json' };

/**
 * Carry one request out. Never rejects: what goes wrong is written as its answer, unless `signal` ended it.
 */
export async function carryOut(request: ClientRequest, parts: CallParts, signal: AbortSignal): Promise<void> {
  try {
    const answered = await askAndFollow(request, parts, signal);
    if (!answered && !signal.aborted)
      throw refuse('gateway_unreachable', 'the answer broke off before it was complete');
  } catch (error) {
    if (!signal.aborted) await parts.write(failureLine(request.id, error));
  }
}

/** A JSON-RPC error of our own. @param id `null` when there is none to answer to */
export function failureLine(id: string | number | null, error: unknown, rpcCode = -32_000): string {
  const known = error instanceof Refusal ? error : undefined;
  const message = known?.message ?? 'something went wrong between the client and the gateway';
  const data = { code: known?.code ?? 'internal' };
  return JSON.stringify({ jsonrpc: '2.0', id, error: { code: rpcCode, message, data } });
}

async function askAndFollow(request: ClientRequest, parts: CallParts, signal: AbortSignal): Promise<boolean> {
  const { send, session } = parts;
  const modern = envelopeVersion(request.params) !== undefined;
  let answer = await ask(request, parts, signal);
  const stale = session.headers();
  const lost = !modern && answer.statusCode === 404 && stale['mcp-session-id'] !== undefined;
  if (lost && request.method !== 'initialize' && (await session.revive(stale))) {
    answer.resume();
    answer = await ask(request, parts, signal);
  }
  const reading: Reading = { lastEventId: undefined, retryMs: undefined };
  if (await read(answer, request, { parts, reading, answer })) return true;
  for (let count = 0; !modern && reading.lastEventId !== undefined && count < resumptionsMax; count += 1) {
    await sleep(reading.retryMs ?? 500, undefined, { signal });
    const headers = {
      accept: 'text/event-stream',
      ...session.headers(),
      'last-event-id': reading.lastEventId,
    };
    const rest = await send({ method: 'GET', headers, signal });
    if (rest.statusCode !== 200) {
      rest.resume();
      return false;
    }
    if (await read(rest, request, { parts, reading, answer })) return true;
  }
  return false;
}

function ask(
  { method, params, text }: ClientRequest,
  { send, session, mirror }: CallParts,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const modern = envelopeVersion(params) !== undefined;
  const own = modern ? mirror.headersOf(method, params) : method === 'initialize' ? {} : session.headers();
  return send({ method: 'POST', headers: { ...common, ...own }, body: text, signal });
}

interface Held {
  readonly parts: CallParts;
  readonly reading: Reading;
  /** The first answer, whose headers name the session. */
  readonly answer: IncomingMessage;
}

/** Write every message of an answer. @returns whether the response to the request was among them */
async function read(from: IncomingMessage, request: ClientRequest, held: Held): Promise<boolean> {
  const { parts, reading } = held;
  let answered = false;
  await readMessages(from, { bytesMax: parts.bytesMax, reading }, async (text) => {
    const message = messageOf(text);
    if (message === undefined) return;
    if (message['method'] !== undefined) return parts.write(text);
    if (answered) return;
    answered = true;
    // A refusal that was made before the body was read cannot name the request.
    const named = message['id'] === request.id;
    const line = named || isStream(from) ? text : JSON.stringify({ ...message, id: request.id });
    note(request, valuesOf(message['result']), message['result'] !== undefined, held);
    await parts.write(line);
  });
  return answered;
}

function note(request: ClientRequest, result: Values, succeeded: boolean, { parts, answer }: Held): void {
  if (!succeeded) return;
  const { method, params, text } = request;
  if (method === 'initialize') parts.session.opened(text, answer, result);
  else if (method === 'tools/list') parts.mirror.learn(result, params['cursor'] === undefined);
  else parts.session.remember(method, params);
}

function messageOf(text: string): Values | undefined {
  try {
    const message = valuesOf(JSON.parse(text));
    return message['jsonrpc'] === '2.0' ? message : undefined;
  } catch {
    return undefined;
  }
}
