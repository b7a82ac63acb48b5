import { createHmac, hkdfSync, pbkdf2, type KeyObject } from 'node:crypto';

// The three constructions over SHA-256 that make keys and names here; nothing else in this package calls them.

/**
 * HKDF-SHA-256 (RFC 5869), in a buffer of its own that the caller wipes.
 *
 * @param info what the key is for; up to 1,024 bytes
 * @param bytes up to 8,160
 */
export function hkdfSha256(
  key: KeyObject | Uint8Array,
  salt: Uint8Array,
  info: string | Uint8Array,
  bytes: number,
): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, info, bytes));
}

/** HMAC-SHA-256 (RFC 2104), as base64url. */
export function hmacSha256(key: KeyObject | Uint8Array, message: string | Uint8Array): string {
  return createHmac('sha256', key).update(message).digest('base64url');
}

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export function hmacSha256Bytes(key: KeyObject, message: string | Uint8Array): Buffer {
  // By way of text: a digest in a buffer of its own costs half as much again.
  return Buffer.from(createHmac('sha256', key).update(message).digest('latin1'), 'latin1');
}

/**
 * A key out of a passphrase by PBKDF2-HMAC-SHA-256 (RFC 8018 §5.2), in a buffer of its own that the caller wipes.
 *
 * @param bytes 32 when not given
 */
export function pbkdf2Sha256(
  passphrase: string | Uint8Array,
  salt: Uint8Array,
  rounds: number,
  bytes = 32,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    pbkdf2(passphrase, salt, rounds, bytes, 'sha256', (error, derived) => {
      if (error === null) resolve(derived);
      else reject(error);
    });
  });
}
