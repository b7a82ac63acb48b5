import { refuse } from '../refusal.ts';
import { decryptGcm, encryptGcm, openFailed, type Encrypted } from './gcm.ts';
import { fillNonce } from './nonces.ts';

// A widespread way to keep one secret in three columns, read here so that such rows can be imported. Nothing binds a row
// to its place unless whoever wrote it gave additional data: new secrets belong into sealed records.

/** Ciphertext, tag and nonce of AES-256-GCM in columns of their own. The nonce has 12 bytes, or the 16 that many programs use. */
export interface GcmRow extends Encrypted {
  readonly nonce: Uint8Array;
}

const none = Buffer.alloc(0);

/**
 * The secret of a row, in a buffer of its own that the caller wipes.
 *
 * @param key 32 bytes, not changed
 * @param additionalData what the row was bound to; nothing by default
 * @throws Refusal `open_failed` for every row that does not open, `key_weak` for a key of another length
 */
export function openGcmRow(row: GcmRow, key: Uint8Array, additionalData: Uint8Array = none): Buffer {
  checkKey(key);
  if (row.nonce.length !== 12 && row.nonce.length !== 16)
    throw openFailed('a nonce of neither 12 nor 16 bytes');
  return decryptGcm({ key, nonce: row.nonce, additionalData }, row);
}

/**
 * A row with a fresh 12-byte nonce.
 *
 * @param key 32 bytes, not changed; for at most 2^32 rows (NIST SP 800-38D §8.3)
 * @throws Refusal `key_weak` for a key of another length
 */
export function sealGcmRow(
  plaintext: Uint8Array,
  key: Uint8Array,
  additionalData: Uint8Array = none,
): GcmRow {
  checkKey(key);
  const nonce = Buffer.allocUnsafeSlow(12);
  fillNonce(nonce);
  return { ...encryptGcm({ key, nonce, additionalData }, plaintext), nonce };
}

function checkKey(key: Uint8Array): void {
  if (key.length !== 32) throw refuse('key_weak', 'a key has exactly 32 bytes');
}
