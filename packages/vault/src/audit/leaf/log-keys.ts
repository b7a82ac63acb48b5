import { createSecretKey } from 'node:crypto';
import { hkdfSha256, hmacSha256, hmacSha256Bytes } from '../../seal/keyed-sha256.ts';

// What one tenant's log is made with, out of 32 secret bytes that lie sealed under the tenant's own key: when that key is
// destroyed, no salt and no tag can be made again, and what stands in the leaves is noise. HKDF-SHA-256 gives
//
//   32 bytes for salts · 32 bytes for tags · 6 bytes that name the secret
//
// A commitment is HMAC-SHA-256(salt, body), and a salt is disclosed entry by entry: whoever is shown one body can check it,
// and learns nothing about any other.

const saltBytes = 16;
const none = new Uint8Array();
const namesMax = 1024;

/** Fields of an entry that can be searched for by a tag. */
export const tagNames = [
  'act',
  'actor',
  'agent',
  'code',
  'corr',
  'ip',
  'obj',
  'out',
  'source',
  'svc',
  'tool',
] as const;

/** One of {@link tagNames}. */
export type TagName = (typeof tagNames)[number];

/** The keys of a tenant's log. */
export interface LogKeys {
  /** Names the secret they come from: 8 characters of base64url. */
  readonly id: string;
  /** The salt of an entry: the same for the same id, unpredictable without the keys. */
  saltOf(id: string): Buffer;
  /** A name nobody can read or guess: 16 bytes as base64url, bound to `purpose`. Nothing of it stays in memory. */
  tag(purpose: string, name: string): string;
  /** The tag of what something was done to. */
  objectTag(object: string): string;
  /** A number to search by, from 0 to 2^32 - 1. Two names may share one: the entry itself decides. */
  searchTag(field: TagName, value: string): number;
}

/**
 * The keys out of their secret.
 *
 * @param secret 32 bytes, taken over and wiped
 */
export function logKeys(secret: Buffer): LogKeys {
  const derived = hkdfSha256(secret, none, 'sealgate audit log v1', 70);
  secret.fill(0);
  const salting = createSecretKey(derived.subarray(0, 32));
  const tagging = createSecretKey(derived.subarray(32, 64));
  const id = derived.toString('base64url', 64);
  derived.fill(0);
  // The length in front keeps `a` + `bc` apart from `ab` + `c`.
  const macOf = (purpose: string, name: string): Buffer =>
    hmacSha256Bytes(tagging, `${purpose.length}:${purpose}${name}`);
  const tagOf = (purpose: string, name: string) => macOf(purpose, name).toString('base64url', 0, 16);
  const objectTag = remembering(tagOf);
  const searchTagOf = (field: string, value: string) => macOf(`search ${field}`, value).readUInt32BE();
  const searchTag = remembering(searchTagOf);
  return {
    id,
    saltOf: (entry) => hmacSha256Bytes(salting, entry).subarray(0, saltBytes),
    tag: tagOf,
    objectTag: (object) => objectTag('obj', object),
    searchTag: (field, value) => (field === 'corr' ? searchTagOf : searchTag)(field, value),
  };
}

// Names come again and again: actors, acts, services. One HMAC each would cost as much as the rest of an entry. A request comes
// once, so nothing of it is kept; and what comes seldom does not push out what comes often: each purpose has its own.
function remembering<V>(make: (purpose: string, name: string) => V): (purpose: string, name: string) => V {
  const byPurpose = new Map<string, Map<string, V>>();
  return (purpose, name) => {
    let known = byPurpose.get(purpose);
    if (known === undefined) byPurpose.set(purpose, (known = new Map<string, V>()));
    const made = known.get(name);
    if (made !== undefined) return made;
    if (known.size >= namesMax) known.clear();
    const fresh = make(purpose, name);
    known.set(name, fresh);
    return fresh;
  };
}

/** The commitment to a body: base64url of HMAC-SHA-256 under the salt. */
export function commitmentOf(salt: Uint8Array, body: string): string {
  return hmacSha256(salt, body);
}
