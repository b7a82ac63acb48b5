import type { Answer, AuditOutcome } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { bodyTypeOf, clientHeaders } from './headers.ts';
import { eventTail, outcomeOf } from './outcome.ts';
import type { Passage } from './passage.ts';
import type { SessionHandles, SessionOwner } from './session-handle.ts';

// From an upstream's answer to the client's. Which answers pass: everything below 300 and every 4xx but 401 and 403,
// which speak of our credential and not of the client's; a 5xx only when it is a JSON-RPC message. The rest are refusals.

/** Whose answer it is, and in which session. */
export interface Relayed {
  readonly passage: Pick<Passage, 'call' | 'upstream' | 'reply' | 'signal'>;
  readonly handles: SessionHandles;
  readonly owner: SessionOwner;
  /** The session that the client named, and what it is upstream; `undefined` without one. */
  readonly session: { readonly handle: string; readonly sessionId: string } | undefined;
}

/**
 * Pass an answer on and say what came of the call.
 *
 * @throws Refusal `upstream_unauthorized`, `upstream_unavailable`, `upstream_timeout`; once `reply.begun()` the answer is incomplete
 */
export async function relay(answer: Answer, relayed: Relayed): Promise<AuditOutcome> {
  const { call, reply } = relayed.passage;
  refuseUnfit(answer, relayed.passage);
  const headers = clientHeaders(answer.headers, await handleOf(answer, relayed));
  // Nobody is left to read it: break off before the upstream's bytes are taken for an answer given.
  if (relayed.passage.signal.aborted) return { out: 'aborted' };
  if (answer.body instanceof Uint8Array) {
    reply.send(answer.status, headers, answer.body);
    return outcomeOf(call, answer.status, answer.body);
  }
  reply.head(answer.status, headers);
  return stream(answer.status, answer.body, relayed.passage);
}

async function stream(
  status: number,
  body: AsyncIterable<Uint8Array>,
  { call, reply, signal }: Relayed['passage'],
): Promise<AuditOutcome> {
  const tail = eventTail(call);
  for await (const chunk of body) {
    tail.see(chunk);
    const taken = reply.write(chunk);
    if (taken !== true) await taken;
    if (signal.aborted) return { ...tail.outcome(), out: 'aborted' };
  }
  if (signal.aborted) return { ...tail.outcome(), out: 'aborted' };
  reply.end();
  return status >= 400 ? { ...tail.outcome(), out: 'failure', code: String(status) } : tail.outcome();
}

async function handleOf(
  answer: Answer,
  { passage, handles, owner, session }: Relayed,
): Promise<string | undefined> {
  const given = answer.headers['mcp-session-id'];
  if (given === undefined || passage.call.era !== 'legacy' || answer.status >= 300) return undefined;
  return given === session?.sessionId ? session.handle : handles.give(owner, given);
}

/**
 * Refuse what speaks of our credential, or is no MCP.
 *
 * @throws Refusal `upstream_unauthorized`, `upstream_unavailable`
 */
export function refuseUnfit(answer: Answer, { upstream }: Pick<Relayed['passage'], 'upstream'>): void {
  const name = JSON.stringify(upstream.name);
  const { status } = answer;
  if (status === 401 || status === 403) {
    const how = `sealgate connections set ${upstream.name}`;
    const message =
      upstream.credential === undefined
        ? `the upstream ${name} answered ${status}: it wants a credential, and its description names none`
        : `the upstream ${name} rejected the credential it was sent (${status}): set another one with \`${how}\``;
    throw refuse('upstream_unauthorized', message);
  }
  const unfit = unfitness(answer);
  if (unfit !== undefined) throw refuse('upstream_unavailable', `the upstream ${name} answered ${unfit}`);
}

function unfitness({ status, headers, body }: Answer): string | undefined {
  if (status >= 300 && status < 400)
    return `with a redirect (${status}), which is never followed: correct its address`;
  if (status >= 500) return isMessage(headers, body) ? undefined : `with status ${status}`;
  const empty = body instanceof Uint8Array && body.byteLength === 0;
  const type = bodyTypeOf(headers['content-type']);
  if (status >= 400 || empty || type === 'json' || type === 'events') return undefined;
  return 'with something that is not MCP: check its address';
}

/** Whether an answer is a whole JSON-RPC message. */
export function isMessage(headers: Answer['headers'], body: Answer['body']): boolean {
  if (bodyTypeOf(headers['content-type']) !== 'json' || !(body instanceof Uint8Array)) return false;
  try {
    const message: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return (
      typeof message === 'object' && message !== null && 'jsonrpc' in message && message.jsonrpc === '2.0'
    );
  } catch {
    return false;
  }
}
