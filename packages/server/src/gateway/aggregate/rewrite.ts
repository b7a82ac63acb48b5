import type { Caller } from '../../caller.ts';
import type { HttpUpstream, Upstream } from '../../domain/upstream.ts';
import type { Call } from '../call.ts';
import type { Fields } from '../fields.ts';
import { statePrefix } from '../front/request-state.ts';
import type { Catalog } from './catalog.ts';
import { upstreamOfName } from './names.ts';
import { mayUse, maySee, type Allow } from './permission.ts';
import { spliceName } from './splice-name.ts';

// The short way through `/mcp`: a call of 2026-07-28 for a tool or prompt of an HTTP upstream of the same era becomes the
// call that `/mcp/{upstream}` would have got, and passes through like it. Without waiting: what the catalog does not hold
// goes the long way, which asks the upstream for its list first.

/** What the short way needs to know. */
export interface RewriteParts {
  readonly catalog: Pick<Catalog, 'known'>;
  readonly upstreams: { find(tenant: string, name: string): Upstream | undefined };
  readonly allow: Allow;
  /** Whether the upstream is known to speak 2026-07-28. */
  readonly isModern: (tenant: string, upstream: HttpUpstream) => boolean;
}

/** A call to the address for all, read and checked by `readCall`. */
export interface AnyCall {
  readonly caller: Caller;
  readonly call: Call;
  readonly body: Uint8Array;
  readonly fields: Fields;
}

/** The same call as its upstream knows it. */
export interface OneCall {
  readonly upstream: HttpUpstream;
  readonly call: Call;
  readonly body: Uint8Array;
  readonly fields: Fields;
}

/** `undefined`: this call goes the long way. */
export type Rewrite = (any: AnyCall) => OneCall | undefined;

/** Build the short way. */
export function openRewrite({ catalog, upstreams, allow, isModern }: RewriteParts): Rewrite {
  return ({ caller, call, body, fields }) => {
    const { era, kind, method, name } = call;
    if (era !== 'modern' || kind !== 'request' || name === undefined) return undefined;
    const listing = method === 'tools/call' ? 'tools' : method === 'prompts/get' ? 'prompts' : undefined;
    const upstream = upstreams.find(caller.tenant, upstreamOfName(name) ?? '');
    if (listing === undefined || upstream?.kind !== 'http' || !isModern(caller.tenant, upstream))
      return undefined;
    const round = roundOf(body);
    if (round === 'ours') return undefined;
    const own = catalog.known(caller, upstream, {
      listing,
      name,
      ...(round === 'theirs' ? { withinMs: roundMs } : {}),
    });
    // A refusal is the long way's to word.
    if (own === undefined || !maySee(allow, caller, upstream)) return undefined;
    if (!mayUse(allow, caller, { upstream, method, name: own }).allowed) return undefined;
    const renamed = spliceName(body, own);
    if (renamed === undefined) return undefined;
    const header = headerOf(own);
    return {
      upstream,
      call: { ...call, name: own, mirror: { ...call.mirror, 'mcp-name': header } },
      body: renamed,
      fields: new Map(fields).set('mcp-name', header),
    };
  };
}

// A call that was answered with `input_required` comes back the way it went: what the front sealed says nothing to the
// upstream, and an upstream's own state nothing to the front.
const roundMs = 3_600_000;

function roundOf(body: Uint8Array): 'first' | 'ours' | 'theirs' {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (!bytes.includes('"requestState"') && !bytes.includes('"inputResponses"')) return 'first';
  const { params } = JSON.parse(bytes.toString()) as {
    params?: { requestState?: unknown; inputResponses?: unknown };
  };
  const { requestState, inputResponses } = params ?? {};
  if (typeof requestState === 'string' && requestState.startsWith(statePrefix)) return 'ours';
  return requestState === undefined && inputResponses === undefined ? 'first' : 'theirs';
}

/** As `Mcp-Name` carries it (MCP 2026-07-28, SEP-2243): in base64 unless it is visible ASCII and cannot be mistaken for it. */
function headerOf(name: string): string {
  const plain = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(name) && !name.startsWith('=?base64?');
  return plain ? name : `=?base64?${Buffer.from(name).toString('base64')}?=`;
}
