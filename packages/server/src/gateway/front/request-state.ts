import { createHash } from 'node:crypto';
import { Refusal, type Place, type Sealer } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import { pathOfAddress, type McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import type { Values } from './target.ts';

// The `requestState` of 2026-07-28 goes through the client's hands, so it is sealed for one person, client, address and
// request, and ends. In any other hand, or beside other arguments, it opens as little as a made-up one.

/** What a request state stands for. */
export type Kept =
  /** A call that waits on an instance. It is good for one round only. */
  | { readonly kind: 'parked'; readonly instance: string; readonly park: string; readonly round: number }
  /** The upstream's own state; `undefined`: it asked for input without giving one. */
  | { readonly kind: 'upstream'; readonly state: string | undefined }
  /** The upstream turned the call down until the person has been somewhere: the call is made again. */
  | { readonly kind: 'again' };

/** The request a state belongs to. */
export interface Origin {
  readonly caller: Pick<Caller, 'tenant' | 'subject' | 'client'>;
  readonly address: McpAddress;
  readonly method: string;
  /** Of the request; what changes from round to round (`_meta`, `inputResponses`, `requestState`) does not count. */
  readonly params: Values;
}

/** Seals request states and opens them. */
export interface RequestStates {
  /** @throws Refusal `key_unavailable`, `upstream_unavailable` for an upstream's state that is too long */
  give(origin: Origin, kept: Kept, endsAtMs: number): Promise<string>;
  /** @throws Refusal `request_state_invalid` for whatever was not given to exactly this request or has ended, `key_unavailable` */
  take(origin: Origin, state: unknown): Promise<Kept>;
}

/** Every sealed state begins with it, and so is told from an upstream's own, which may have passed through untouched. */
export const statePrefix = 'sgs_';

/** Longest state taken from an upstream, in characters. */
const upstreamCharactersMax = 64 * 1024;
// JSON may write a character as six, and base64url three bytes as four.
const stateCharactersMax = 10 * upstreamCharactersMax;
const base64url = /^[A-Za-z0-9_-]+$/;
const changing = new Set(['_meta', 'inputResponses', 'requestState']);

/** @param now milliseconds since 1970 */
export function openRequestStates(sealer: Pick<Sealer, 'seal' | 'open'>, now: () => number): RequestStates {
  return {
    async give(origin, kept, endsAtMs) {
      if (kept.kind === 'upstream' && (kept.state?.length ?? 0) > upstreamCharactersMax)
        throw refuse('upstream_unavailable', 'the upstream gave a request state that is too long');
      const text = JSON.stringify({ ...kept, endsAtMs });
      const sealed = await sealer.seal('handle', placeOf(origin), Buffer.from(text, 'utf8'));
      return `${statePrefix}${sealed.toString('base64url')}`;
    },
    async take(origin, state) {
      const sealed = bytesOf(state);
      if (sealed === undefined) throw invalid();
      const opened = await sealer.open('handle', placeOf(origin), sealed).catch((error: unknown) => {
        const foreign =
          error instanceof Refusal && ['open_failed', 'record_version_unknown'].includes(error.code);
        throw foreign ? invalid() : error;
      });
      const { endsAtMs, ...kept } = JSON.parse(opened.toString('utf8')) as Kept & { endsAtMs: number };
      if (now() >= endsAtMs) throw invalid('the request waited too long for its input: make it again');
      return kept as Kept;
    },
  };
}

/** What a state that is none is answered with. */
export function invalid(
  message = 'the requestState does not belong to this request, or was used before',
): Refusal {
  return refuse('request_state_invalid', message);
}

function bytesOf(state: unknown): Buffer | undefined {
  if (typeof state !== 'string' || state.length > stateCharactersMax || !state.startsWith(statePrefix))
    return undefined;
  const text = state.slice(statePrefix.length);
  const bytes = base64url.test(text) ? Buffer.from(text, 'base64url') : undefined;
  // One spelling per state: trailing bits that decode to nothing are refused.
  return bytes?.toString('base64url') === text ? bytes : undefined;
}

function placeOf({ caller, address, method, params }: Origin): Place {
  const same = Object.fromEntries(Object.entries(params).filter(([name]) => !changing.has(name)));
  const request = JSON.stringify([caller.client, pathOfAddress(address), method, ordered(same)]);
  return {
    tenant: caller.tenant,
    subject: caller.subject,
    table: 'mcp_request',
    record: createHash('sha256').update(request).digest('base64url'),
    field: 'state',
    epoch: 0,
  };
}

// A client may write the same object with its names in another order.
function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([name, member]) => [name, ordered(member)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
