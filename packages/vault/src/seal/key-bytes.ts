import { randomFillSync } from 'node:crypto';
import { refuse } from '../refusal.ts';
import type { Suite } from './data-key.ts';
import { hkdfSha256 } from './keyed-sha256.ts';
import { suiteCipher, type SuiteCipher } from './suites.ts';

const keyBytes = 32;
const none = Buffer.alloc(0);

/** So many bytes that nobody can predict, in a view of their own. */
export type Random = (bytes: number) => Uint8Array;

/** 32 fresh bytes for a key, in memory of their own; whoever holds them wipes them. */
export function mintKeyBytes(random?: Random): Buffer {
  const bytes = Buffer.allocUnsafeSlow(keyBytes);
  if (random === undefined) return randomFillSync(bytes);
  const drawn = random(keyBytes);
  bytes.set(drawn);
  drawn.fill(0);
  return bytes;
}

/**
 * What a key does its work with. RFC 5869, once per key: the record key, and a commitment that no other key has, since GCM
 * alone can be made to open one record under two keys. The suite is in the label: the same bytes under another suite are
 * another key. The bytes are zero when this returns or throws.
 *
 * @throws Refusal `key_weak` for another length than 32, or for zeros (bytes that were wiped before)
 */
export function derive(bytes: Uint8Array, suite: Suite): { cipher: SuiteCipher; commitment: Buffer } {
  try {
    if (bytes.length !== keyBytes) throw refuse('key_weak', `a key has exactly ${keyBytes} bytes`);
    if (bytes.every((byte) => byte === 0)) throw refuse('key_weak', 'a key of zeros protects nothing');
    const derived = hkdfSha256(bytes, none, `sealgate data key v1 suite ${suite}`, 64);
    const commitment = Buffer.from(derived.subarray(32));
    const cipher = suiteCipher(suite, derived.subarray(0, 32));
    derived.fill(0);
    return { cipher, commitment };
  } finally {
    bytes.fill(0);
  }
}
