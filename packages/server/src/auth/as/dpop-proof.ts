import { createPublicKey, hash, verify, type webcrypto } from 'node:crypto';

type JsonWebKey = webcrypto.JsonWebKey;

// A proof that whoever shows a token holds the key it is bound to (RFC 9449 §4.3), for one request.

/** What the proof is for. */
export interface Proven {
  /** The `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** Addresses of this request that the client may have written; query and fragment are not compared. */
  readonly addresses: readonly string[];
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
}

/** Signature algorithms that a proof may use. */
export const dpopAlgorithms = ['ES256', 'EdDSA', 'Ed25519'] as const;

const windowSeconds = 60;
const proofBytesMax = 8192;

/**
 * Judge a proof. Whether it was used before is for the caller to find out.
 *
 * @returns the thumbprint of its key and its id; `undefined` for every proof that does not hold
 */
export function judgeProof(
  proven: Proven,
): { readonly thumbprint: string; readonly jti: string } | undefined {
  try {
    return judge(proven);
  } catch {
    // Not base64, not JSON, not a key: not a proof.
    return undefined;
  }
}

function judge({ proof, method, addresses, token, nowMs }: Proven) {
  const parts = proof.split('.');
  if (parts.length !== 3 || proof.length > proofBytesMax) return undefined;
  const [head = '', body = '', signature = ''] = parts;
  const header = read(head);
  const claims = read(body);
  const jwk = header['jwk'] as JsonWebKey | undefined;
  if (header['typ'] !== 'dpop+jwt' || jwk === undefined || 'd' in jwk || 'crit' in header) return undefined;
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  const signed = Buffer.from(`${head}.${body}`);
  const bytes = Buffer.from(signature, 'base64url');
  const elliptic = header['alg'] === 'ES256' && jwk.kty === 'EC' && jwk.crv === 'P-256';
  const edwards =
    (header['alg'] === 'EdDSA' || header['alg'] === 'Ed25519') && jwk.kty === 'OKP' && jwk.crv === 'Ed25519';
  const holds = elliptic
    ? verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, bytes)
    : edwards && verify(null, signed, key, bytes);
  const { jti, htm, htu, iat, ath } = claims;
  if (!holds || typeof jti !== 'string' || jti === '' || jti.length > 256 || htm !== method) return undefined;
  if (typeof iat !== 'number' || Math.abs(nowMs / 1000 - iat) > windowSeconds) return undefined;
  if (ath !== hash('sha256', token, 'base64url')) return undefined;
  if (!addresses.some((address) => bare(address) === bare(htu))) return undefined;
  return { thumbprint: thumbprintOf(jwk), jti };
}

function read(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
}

function bare(address: unknown): string {
  const url = new URL(String(address));
  return `${url.origin}${url.pathname}`;
}

/** RFC 7638: the required members in their order. */
function thumbprintOf({ kty, crv, x, y }: JsonWebKey): string {
  const members = kty === 'EC' ? { crv, kty, x, y } : { crv, kty, x };
  return hash('sha256', JSON.stringify(members), 'base64url');
}
