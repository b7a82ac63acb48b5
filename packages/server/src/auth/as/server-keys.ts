import { generateKeyPairSync, hkdfSync, randomBytes } from 'node:crypto';
import { refuse } from '../../errors.ts';
import type { Shelf } from './shelf.ts';

// The authorization server's own keys: minted at the first start, sealed like everything else, shared by all instances.

/** What the provider signs and seals its own things with. */
export interface ServerKeys {
  readonly jwks: { readonly keys: readonly Readonly<Record<string, string>>[] };
  /** The first one signs, all of them verify. */
  readonly cookieKeys: readonly string[];
  /** 32 bytes; DPoP nonces are made from it. */
  readonly nonceSecret: Buffer;
}

const name = 'ServerKeys:1';

/**
 * The keys; minted when there are none. Racing instances get the same.
 *
 * @param authSecret `AUTH_SECRET`: when set, cookies are signed with a key derived from it
 */
export async function openServerKeys(shelf: Shelf, authSecret: string | undefined): Promise<ServerKeys> {
  const known = await shelf.get(name);
  if (known === undefined)
    await shelf.put(name, mint(), { endsAtMs: undefined, owners: [], guard: { ifAbsent: true } });
  const payload = (known ?? (await shelf.get(name)))?.payload;
  if (payload === undefined)
    throw refuse('internal', 'the keys of the authorization server could not be kept');
  const { jwk, cookieKey, nonceSecret } = payload as unknown as ReturnType<typeof mint>;
  const derived =
    authSecret === undefined
      ? []
      : [Buffer.from(hkdfSync('sha256', authSecret, '', 'sealgate cookies', 32)).toString('base64url')];
  return {
    jwks: { keys: [jwk] },
    cookieKeys: [...derived, cookieKey],
    nonceSecret: Buffer.from(nonceSecret, 'base64url'),
  };
}

function mint() {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = privateKey.export({ format: 'jwk' }) as Record<string, string>;
  return {
    jwk: { ...jwk, alg: 'ES256', use: 'sig', kid: randomBytes(9).toString('base64url') },
    cookieKey: randomBytes(32).toString('base64url'),
    nonceSecret: randomBytes(32).toString('base64url'),
  };
}
