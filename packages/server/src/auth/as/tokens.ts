import { hash } from 'node:crypto';
import type { Shelf } from './shelf.ts';
import { judgeProof } from './dpop-proof.ts';
import { tenantOf } from './grants.ts';

// Stop 2 of the walk, for access tokens: opaque, looked up here and nowhere else, so that revoking one works at once. What
// was looked up is remembered for five seconds at most; a revocation that is heard of, here or elsewhere, forgets all of it.

/** Who a token stands for. */
export interface Verified {
  readonly tenant: string;
  readonly subject: string;
  readonly client: string;
  readonly grant: string;
  /** Milliseconds since 1970. */
  readonly endsAtMs: number;
  readonly scopes: ReadonlySet<string>;
  /** The path of the MCP address it is for. */
  readonly path: string;
}

/** How a token was shown. */
export interface Shown {
  readonly token: string;
  /** Set when the scheme was `DPoP`; `proof` is its header. */
  readonly dpop:
    { readonly proof: string; readonly method: string; readonly addresses: readonly string[] } | undefined;
}

/** What tokens are looked up in. */
export interface TokenParts {
  readonly lasting: Shelf;
  readonly passing: Shelf;
  readonly now: () => number;
  /** Whether the client may still come in: metadata-document clients have no row. */
  readonly clientStands: (client: string) => Promise<boolean>;
  /** Whether the person is still in the group. */
  readonly isMember: (tenant: string, subject: string) => Promise<boolean>;
}

/** Looks tokens up. */
export interface Tokens {
  /** `undefined`: unknown, ended, revoked, of another kind, without its proof. */
  verify(shown: Shown): Promise<Verified | undefined>;
  /** Whether a token that was shown before would still be found; a proof is not asked for again. */
  holds(token: string): Promise<boolean>;
  /** Whether a grant that was good once still is: neither revoked nor its client removed nor the person out of the group. */
  stands(grant: Pick<Verified, 'tenant' | 'subject' | 'client' | 'grant'>): Promise<boolean>;
  /** Something was revoked, here or elsewhere. */
  forget(): void;
}

interface Found {
  readonly verified: Verified;
  readonly jkt: string | undefined;
  readonly untilMs: number;
}

const rememberMs = 5000;
const rememberMax = 10_000;
const proofMs = 3 * 60_000;

/** Open the look-up. */
export function openTokens(parts: TokenParts): Tokens {
  const known = new Map<string, Found>();
  let generation = 0;
  const find = async (token: string): Promise<Found | undefined> => {
    const name = hash('sha256', token, 'base64url');
    const nowMs = parts.now();
    const remembered = known.get(name);
    if (remembered !== undefined && remembered.untilMs > nowMs) return remembered;
    known.delete(name);
    const begun = generation;
    const found = await lookUp(token, parts);
    if (found !== undefined && begun === generation) {
      if (known.size >= rememberMax) known.clear();
      known.set(name, found);
    }
    return found;
  };
  const forget = (): void => {
    generation += 1;
    known.clear();
  };
  return {
    async verify({ token, dpop }) {
      if (token.length > 512) return undefined;
      const found = await find(token);
      if (found === undefined || (found.jkt === undefined) !== (dpop === undefined)) return undefined;
      if (dpop !== undefined && !(await proves({ ...dpop, token }, found.jkt, parts))) return undefined;
      return found.verified;
    },
    holds: async (token) => (await find(token)) !== undefined,
    async stands(grant) {
      const standing = await stands(grant, parts);
      // Who is cut off lets nobody in for the seconds that their token would be remembered.
      if (!standing) forget();
      return standing;
    },
    forget,
  };
}

interface StoredToken {
  readonly kind?: string;
  readonly exp?: number;
  readonly aud?: string;
  readonly scope?: string;
  readonly jkt?: string;
  readonly grantId?: string;
  readonly clientId?: string;
  readonly accountId?: string;
}

async function lookUp(token: string, parts: TokenParts): Promise<Found | undefined> {
  const nowMs = parts.now();
  const stored = (await parts.passing.get(`AccessToken:${token}`))?.payload as StoredToken | undefined;
  if (stored?.kind !== 'AccessToken' || !(Number(stored.exp) * 1000 > nowMs)) return undefined;
  const { aud, grantId, clientId, accountId, jkt, scope = '' } = stored;
  if (aud === undefined || grantId === undefined || clientId === undefined || accountId === undefined)
    return undefined;
  const tenant = tenantOf(grantId);
  if (tenant === undefined) return undefined;
  const granted = { tenant, subject: accountId, client: clientId, grant: grantId };
  if (!(await stands(granted, parts))) return undefined;
  const verified = {
    ...granted,
    endsAtMs: Number(stored.exp) * 1000,
    scopes: new Set(scope.split(' ')),
    path: new URL(aud).pathname,
  };
  return { verified, jkt, untilMs: Math.min(nowMs + rememberMs, verified.endsAtMs) };
}

async function stands(
  { tenant, subject, client, grant }: Pick<Verified, 'tenant' | 'subject' | 'client' | 'grant'>,
  { lasting, clientStands, isMember }: TokenParts,
): Promise<boolean> {
  const [found, known, member] = await Promise.all([
    lasting.get(`Grant:${grant}`),
    clientStands(client),
    isMember(tenant, subject),
  ]);
  const granted = found?.payload as StoredToken | undefined;
  return known && member && granted?.clientId === client && granted.accountId === subject;
}

async function proves(
  shown: NonNullable<Shown['dpop']> & { readonly token: string },
  thumbprint: string | undefined,
  { passing, now }: TokenParts,
): Promise<boolean> {
  const nowMs = now();
  const judged = judgeProof({ ...shown, nowMs });
  if (judged === undefined || judged.thumbprint !== thumbprint) return false;
  const mark = `Proof:${hash('sha256', `${thumbprint} ${judged.jti}`, 'base64url')}`;
  // Insert-only: of any number of requests with one proof, one goes on.
  return passing.put(mark, {}, { endsAtMs: nowMs + proofMs, owners: [], guard: { ifAbsent: true } });
}
