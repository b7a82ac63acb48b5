import type { Bearer, Presented } from '../auth/bearer.ts';
import type { Caller } from '../caller.ts';
import type { Upstream } from '../domain/upstream.ts';
import { refuse } from '../errors.ts';
import { allow } from '../gateway/allow.ts';
import { readCall, readSessionCall, type Call } from '../gateway/call.ts';
import { readFields } from '../gateway/fields.ts';
import type { Forward } from '../gateway/forward.ts';
import type { Passage } from '../gateway/passage.ts';
import type { McpAddress } from '../domain/mcp-address.ts';
import { limitHeaders, type Limiter } from '../domain/limit.ts';
import { webRequest, writeResponse } from '../gateway/front/web.ts';
import type { Arrival, Exchange, McpHandler } from '../http/exchange.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Held, Mark } from './held.ts';
import type { Protocol } from './protocol.ts';
import { refuseOlder } from './revision-floor.ts';

// The walk of one call (docs/walk.md), stop by stop: who, how often, what, may they, and then the gate, behind `forward`
// or behind a front and its target. Every refusal on the way is thrown and becomes an answer in `http/reply.ts`.

/** The stops. */
export interface WalkParts {
  readonly bearer: Bearer;
  /** `WWW-Authenticate`. */
  readonly challenge: (asked: {
    readonly address: McpAddress;
    readonly host: string | undefined;
    readonly shown: boolean;
  }) => string;
  readonly limiter: Limiter;
  /** The limiter's window. */
  readonly windowMs: number;
  readonly upstreams: { find(tenant: string, name: string): Upstream | undefined };
  readonly forward: Forward;
  readonly held: Pick<Held, 'mark' | 'enter' | 'holding' | 'call' | 'stream'>;
  readonly protocol: Pick<Protocol, 'answer' | 'passes' | 'rewrite'>;
  /** The oldest revision that is spoken. */
  readonly protocolMin: string;
  readonly metrics: Pick<Metrics, 'called'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Who was let in, and when. */
export interface Admitted {
  readonly caller: Caller;
  readonly mark: Mark;
  readonly presented: Presented;
}

/** What answers the MCP addresses. */
export function openWalk(parts: WalkParts): McpHandler<Admitted> {
  return {
    admit: (arrival) => admit(arrival, parts),
    challenge: (address, rawHeaders) =>
      parts.challenge({
        address,
        host: only(rawHeaders, 'host'),
        shown: only(rawHeaders, 'authorization') !== undefined,
      }),
    async handle(exchange) {
      const startedMs = performance.now();
      const label = { upstream: 'none', method: 'none', outcome: 'refused' };
      try {
        const upstream = findUpstream(exchange, parts);
        label.upstream = upstream?.name ?? 'all';
        const fields = readFields(exchange.rawHeaders);
        const call =
          exchange.method === 'POST'
            ? readCall(fields, exchange.body, (sighted) => {
                exchange.messageId = sighted.id;
                exchange.revision = sighted.revision;
              })
            : readSessionCall(fields, exchange.method === 'GET' ? 'stream' : 'close');
        label.method = call.is.act;
        refuseOlder(call, { fields, body: exchange.body }, parts.protocolMin);
        if (upstream !== undefined) decide(exchange, upstream, call);
        await enterAndPass({ exchange, upstream, call, fields }, parts, label);
      } finally {
        parts.metrics.called(label, (performance.now() - startedMs) / 1000);
      }
    },
  };
}

async function admit(
  { rawHeaders, ip, method, address }: Arrival,
  { bearer, held, limiter, windowMs, now }: WalkParts,
): Promise<{ admitted: Admitted; headers: Record<string, string> }> {
  const mark = held.mark();
  const presented = {
    authorization: only(rawHeaders, 'authorization'),
    dpop: only(rawHeaders, 'dpop'),
    method,
    host: only(rawHeaders, 'host'),
    address,
    peer: ip,
    agent: only(rawHeaders, 'user-agent'),
  };
  const caller = await bearer.verify(presented);
  const counted = limiter.consume(`${caller.tenant}/${caller.subject}/${caller.client}`);
  const standing = counted instanceof Promise ? await counted : counted;
  const headers = limitHeaders('mcp', standing, windowMs, now());
  if (!standing.allowed)
    throw refuse('rate_limited', `this client has used its ${standing.limit} requests a minute`);
  return { admitted: { caller, mark, presented }, headers };
}

/** The value of a header that may come once; `undefined` when it does not come, or comes twice. */
function only(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined;
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    if (rawHeaders[at]?.length !== name.length || rawHeaders[at]?.toLowerCase() !== name) continue;
    if (found !== undefined) return undefined;
    found = rawHeaders[at + 1];
  }
  return found;
}

/** `undefined`: all of them. */
function findUpstream(
  { admitted: { caller }, address }: Exchange<Admitted>,
  { upstreams }: WalkParts,
): Upstream | undefined {
  const { upstream } = address;
  if (upstream === undefined) return undefined;
  const found = upstreams.find(caller.tenant, upstream);
  if (found === undefined)
    throw refuse('upstream_unknown', `there is no upstream ${JSON.stringify(upstream.slice(0, 64))}`);
  return found;
}

function decide({ admitted: { caller } }: Exchange<Admitted>, { name }: Upstream, call: Call): void {
  const decision = allow({ caller, upstream: { tenant: caller.tenant, name }, want: call });
  if (!decision.allowed) throw refuse(decision.code, decision.message);
}

interface Step {
  readonly exchange: Exchange<Admitted>;
  /** `undefined`: all of them. */
  readonly upstream: Upstream | undefined;
  readonly call: Call;
  readonly fields: ReturnType<typeof readFields>;
}

// The body may have been long on its way: who was let in before it may be nobody by now.
async function enterAndPass(step: Step, parts: WalkParts, label: { outcome: string }): Promise<void> {
  const { caller, mark, presented } = step.exchange.admitted;
  const entered = parts.held.enter(caller, mark, () => parts.bearer.holds(presented));
  const leave = entered instanceof Promise ? await entered : entered;
  try {
    label.outcome = 'failed';
    await pass(step, parts);
    label.outcome = 'passed';
  } finally {
    leave();
  }
}

async function pass(step: Step, parts: WalkParts): Promise<void> {
  const { exchange, call } = step;
  const { caller } = exchange.admitted;
  const whole = wholePassage(step, parts);
  const passage = whole instanceof Promise ? await whole : whole;
  if (passage === undefined) return serve(step, parts);
  const { signal, reply } = exchange;
  if (!call.is.longLived) {
    const over = parts.held.call(caller, reply.cut);
    try {
      return await parts.forward(passage);
    } finally {
      over();
    }
  }
  const revoked = new AbortController();
  const over = parts.held.stream(caller, () => revoked.abort());
  try {
    await parts.forward({ ...passage, signal: AbortSignal.any([signal, revoked.signal]) });
  } finally {
    over();
    if (revoked.signal.aborted) reply.cut();
  }
}

/** What passes through byte for byte; `undefined`: a front has to answer. Without waiting, once an upstream's eras are known. */
function wholePassage(
  { exchange, upstream, call, fields }: Step,
  { protocol }: WalkParts,
): Passage | undefined | Promise<Passage | undefined> {
  const { requestId: correlation, signal, reply, body: sent } = exchange;
  const { caller } = exchange.admitted;
  const body = exchange.method === 'POST' ? sent : undefined;
  if (upstream === undefined) {
    const one = protocol.rewrite({ caller, call, body: sent, fields });
    return one === undefined ? undefined : { caller, ...one, correlation, signal, reply };
  }
  if (upstream.kind !== 'http') return undefined;
  const passage = { caller, upstream, call, fields, body, correlation, signal, reply };
  const passes = protocol.passes({ caller, upstream, era: call.era, correlation });
  if (typeof passes === 'boolean') return passes ? passage : undefined;
  return passes.then((does) => (does ? passage : undefined));
}

async function serve({ exchange, call }: Step, { held, protocol }: WalkParts): Promise<void> {
  const { admitted, address, requestId: correlation, raw } = exchange;
  const { caller } = admitted;
  held.holding(caller);
  const over = call.is.longLived ? held.stream(caller, () => raw.response.destroy()) : undefined;
  try {
    const body = exchange.method === 'POST' ? jsonOf(exchange.body) : undefined;
    const bytes = exchange.method === 'POST' ? exchange.body.byteLength : undefined;
    const passage = { caller, address, correlation, body, bytes };
    const served = await protocol.answer(passage, webRequest(raw.request, raw.response));
    try {
      await writeResponse(served.response, raw.response);
    } finally {
      served.done();
    }
  } finally {
    over?.();
  }
}

function jsonOf(body: Uint8Array): unknown {
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
}
