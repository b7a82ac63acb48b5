import { refuse } from '../refusal.ts';
import { pbkdf2Sha256 } from '../seal/keyed-sha256.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';

/** Rounds of PBKDF2-HMAC-SHA256: the OWASP figure of 2023, and the least this provider takes. */
export const passphraseRoundsMin = 600_000;

const passphraseLengthMin = 16;
const saltBytesMin = 16;

/**
 * The provider `passphrase`: one root key derived from `TOKEN_ENCRYPTION_PASSPHRASE` by PBKDF2-HMAC-SHA256 (RFC 8018 §5.2).
 * Other rounds or another salt make another key, so both are kept with the data.
 *
 * @param salt at least 16 random bytes, made once and stored by the caller
 * @throws Refusal `key_weak` for a short passphrase or salt, or too few rounds
 */
export async function passphraseKey(
  passphrase: string,
  salt: Uint8Array,
  rounds: number = passphraseRoundsMin,
): Promise<KeyProvider> {
  refuseWeakPassphrase(passphrase);
  if (salt.length < saltBytesMin)
    throw refuse('key_weak', `the salt of the passphrase must have ${saltBytesMin} bytes`);
  if (!(rounds >= passphraseRoundsMin))
    throw refuse('key_weak', `the passphrase must be stretched by at least ${passphraseRoundsMin} rounds`);
  const derived = await pbkdf2Sha256(passphrase.normalize('NFC'), salt, rounds);
  return rootKeys({ name: 'passphrase', roots: [{ bytes: derived, createdAtMs: undefined }] });
}

/** Refuse a passphrase that can be guessed by the look of it. @throws Refusal `key_weak` */
export function refuseWeakPassphrase(passphrase: string): void {
  if ([...passphrase].length < passphraseLengthMin || new Set(passphrase).size < 6)
    throw refuse(
      'key_weak',
      `TOKEN_ENCRYPTION_PASSPHRASE must have at least ${passphraseLengthMin} characters, six of them different`,
    );
}
