import type { Call } from '../calls.ts';
import type { Entry } from '../entry.ts';

// An access is an act on a credential or a token: opened, stored, made or removed. In an entry that is what the object
// says. Whose it is, is the tenant: a client of SecureTokenManager, or a group.

/** One access, as reports show it. */
export interface Access {
  readonly id: string;
  readonly atMs: number;
  /** The tenant whose it is. */
  readonly client: string;
  /** Of a token the service that called, of a connection the upstream that it is for. */
  readonly service: string;
  /** Of a token its provider, of a connection the upstream. */
  readonly provider: string;
  readonly act: string;
  readonly object: string;
  readonly by: string;
  readonly source: string;
  readonly request: string;
  /** `none`: it was cut off, or is under way. */
  readonly outcome: string;
  readonly code: string;
  /** `undefined`: nobody looked when it was recorded. */
  readonly flags: Entry['flags'];
}

// What comes of an act when nothing could be opened. Everything else that fails, fails behind the opening.

/** Codes of an act that did not open what it was done to. */
export const openFailures: ReadonlySet<string> = new Set([
  'credential_misdirected',
  'credential_missing',
  'key_disabled',
  'key_shredded',
  'key_unavailable',
  'open_failed',
  'record_version_unknown',
  'store_unavailable',
  'token_absent',
  'token_pending',
]);
const notOpening: ReadonlySet<string> = new Set([
  'connection.remove',
  'connection.set',
  'token.delete',
  'token.mint',
  'token.revoke',
  'token.store',
]);

/** Whether an object is a credential or a token. */
export function isCredential(object: string): boolean {
  return object.startsWith('token:') || object.startsWith('connection:');
}

/** Whether an act opens what it is done to. */
export function isOpening(act: string): boolean {
  return !notOpening.has(act);
}

/** The access of a call; `undefined` when it was not to a credential or a token. */
export function accessOf({ attempt, outcome }: Call): Access | undefined {
  const { act = '', obj = '', svc = '', actor } = attempt;
  const ofToken = obj.startsWith('token:');
  // Without one, the upstream itself is the object.
  const missed = outcome?.code === 'credential_missing';
  if (!isCredential(obj) && !missed) return undefined;
  return {
    id: attempt.id,
    atMs: attempt.ts,
    client: attempt.tenant,
    service: ofToken ? (actor?.id ?? '') : svc,
    provider: svc,
    act,
    object: obj,
    by: actor?.id ?? '',
    source: attempt.src?.source ?? '',
    request: attempt.corr,
    outcome: outcome?.out ?? 'none',
    code: outcome?.code ?? '',
    flags: attempt.flags,
  };
}

/** Whether something was to be opened and was not. */
export function isFailedOpen({ act, code }: Access): boolean {
  return openFailures.has(code) && isOpening(act);
}
