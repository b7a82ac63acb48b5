import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';
import { refuse, type Refusal } from '../refusal.ts';

// AES-256-GCM (NIST SP 800-38D), the one place where this package encrypts. The tag is always 16 bytes: without
// `authTagLength` some lines of Node accept shorter ones, and a 4-byte tag can be guessed.

/** Bytes of every tag. */
export const tagBytes = 16;
const options = { authTagLength: tagBytes } as const;

/** What both directions need: a 32-byte key, the nonce, and the additional data that the tag covers. */
export interface GcmInput {
  readonly key: KeyObject | Uint8Array;
  readonly nonce: Uint8Array;
  readonly additionalData: Uint8Array;
}

/** A ciphertext and its 16-byte tag. */
export interface Encrypted {
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** Ciphertext and tag, in buffers of their own. */
export function encryptGcm(input: GcmInput, plaintext: Uint8Array): Encrypted {
  const cipher = createCipheriv('aes-256-gcm', input.key, input.nonce, options);
  cipher.setAAD(input.additionalData);
  const ciphertext = cipher.update(plaintext);
  cipher.final();
  return { ciphertext, tag: cipher.getAuthTag() };
}

/**
 * The plaintext, in a buffer of its own that the caller wipes.
 *
 * @throws Refusal `open_failed` when key, nonce, additional data, ciphertext and tag do not belong together
 */
export function decryptGcm(input: GcmInput, encrypted: Encrypted): Buffer {
  if (encrypted.tag.length !== tagBytes) throw openFailed('the tag does not have 16 bytes');
  const decipher = createDecipheriv('aes-256-gcm', input.key, input.nonce, options);
  decipher.setAAD(input.additionalData);
  decipher.setAuthTag(encrypted.tag);
  // Until final() has compared the tag these bytes are whatever an attacker made of them.
  const unverified = decipher.update(encrypted.ciphertext);
  try {
    decipher.final();
  } catch {
    unverified.fill(0);
    throw openFailed('the tag does not match');
  }
  return unverified;
}

/** The one refusal for everything that does not open. The reason goes to `detail`, for the log alone. */
export function openFailed(reason: string): Refusal<'open_failed'> {
  return refuse('open_failed', 'the sealed data cannot be opened', reason) as Refusal<'open_failed'>;
}
