import { Readable } from 'node:stream';
import { Refusal, type Sealer } from '@sealgate/vault';
import { Agent, type Dispatcher } from 'undici';
import { refuse } from '../../errors.ts';
import type { Lease, Leases } from './leases.ts';
import type { Owners } from './owners.ts';
import { proofOf, same, writeTicket } from './pass-ticket.ts';
import { proofHeader, refusalHeader, writePassage } from './pass-text.ts';

/** Where an instance answers others, below its `ADVERTISE_URL`. */
const internalPath = '/internal/mcp';

const connectMs = 3_000;
const refusalBytesMax = 64 * 1024;

/** The sending half of {@link Owners}. */
export interface PassingParts {
  readonly leases: Pick<Leases, 'find' | 'drop'>;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly answerMs: number;
  readonly now: () => number;
}

/** Open it; nobody is contacted yet. */
export function openPassing(parts: PassingParts): Pick<Owners, 'pass' | 'close'> {
  // A connection for each request: on one that was kept, nobody could tell "gone before" from "gone while answering".
  const agent = new Agent({
    pipelining: 0,
    connect: { timeout: connectMs },
    headersTimeout: parts.answerMs,
    bodyTimeout: 0,
  });
  return {
    async pass(owner, passage, request) {
      const lease = await parts.leases.find(owner);
      if (lease === undefined) return 'dead';
      const bytes = writePassage(passage, request);
      const { ticket, authorization } = writeTicket(parts.sealer, owner, bytes, parts.now());
      const answer = await reach(agent, lease, { bytes, authorization, signal: request.signal });
      const proof = answer === 'refused' ? '' : one(answer.headers[proofHeader]);
      if (answer === 'refused' || !same(proof, proofOf(parts.sealer, ticket))) {
        // Nobody listens there, or by now somebody else does.
        if (answer !== 'refused') answer.body.destroy();
        await parts.leases.drop(owner);
        return 'dead';
      }
      if (one(answer.headers[refusalHeader]) !== '') throw await refusalIn(answer);
      return responseOf(answer);
    },
    close: () => agent.destroy(),
  };
}

/** The owner is there, or was a moment ago, and did not answer. */
export function unavailable(message: string, cause?: unknown): Refusal {
  const detail = cause instanceof Error ? cause.message : undefined;
  return refuse('instance_unavailable', message, detail, cause);
}

type Answer = Dispatcher.ResponseData;

async function reach(
  agent: Agent,
  { url }: Lease,
  sent: { readonly bytes: Buffer; readonly authorization: string; readonly signal: AbortSignal },
): Promise<Answer | 'refused'> {
  const { bytes, authorization, signal } = sent;
  try {
    const answer = await agent.request({
      origin: url,
      path: internalPath,
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: bytes,
      signal,
    });
    // A body that is let go of reports it as an error, to nobody.
    answer.body.on('error', () => undefined);
    return answer;
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if ((error as NodeJS.ErrnoException).code === 'ECONNREFUSED') return 'refused';
    // It may have begun: whether to send it again is for whoever knows what it asks.
    throw unavailable('the instance that holds this session did not answer; send the request again', error);
  }
}

const framing = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding']);

function responseOf({ statusCode, headers, body }: Answer): Response {
  const kept = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || framing.has(name) || name === proofHeader) continue;
    for (const each of Array.isArray(value) ? value : [value]) kept.append(name, each);
  }
  const bodiless = statusCode === 204 || statusCode === 304;
  if (bodiless) body.resume();
  return new Response(bodiless ? null : (Readable.toWeb(body) as ReadableStream<Uint8Array>), {
    status: statusCode,
    headers: kept,
  });
}

async function refusalIn({ headers, body }: Answer): Promise<Error> {
  if (Number(one(headers['content-length'])) > refusalBytesMax) {
    body.destroy();
    return unavailable('the instance that holds this session refused at length');
  }
  const { code, message } = (await body.json()) as { readonly code: string; readonly message: string };
  return new Refusal(code, message, 'refused by the instance that holds the session');
}

function one(value: string | string[] | undefined): string {
  return typeof value === 'string' ? value : '';
}
