import { hash } from 'node:crypto';
import { refuseWeakPassphrase } from '../keys/passphrase.ts';
import { decodeKeyText } from '../keys/key-text.ts';
import { refuseWeakKey } from '../keys/weak-key.ts';
import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { openGcmRow, sealGcmRow } from '../seal/gcm-row.ts';
import { mintKeyBytes } from '../seal/key-bytes.ts';
import { pbkdf2Sha256 } from '../seal/keyed-sha256.ts';
import { rowFromText, textFromRow } from './token-text.ts';

// One key for every token, and nothing that binds a text to its place: what programs did that come here, kept so that their
// tokens open and old and new processes can run side by side. New secrets belong into sealed records.

const rounds = 600_000;
const roundsMin = 100_000;
const saltBytesMin = 8;
const variable = 'TOKEN_ENCRYPTION_KEY';

/** The key of a {@link TokenEncryptionService}. */
export interface TokenEncryptionOptions {
  /** 32 bytes in base64, base64url or hex, as `TOKEN_ENCRYPTION_KEY` holds them; or the bytes, which are copied. */
  readonly encryptionKey: string | Uint8Array;
}

/** A passphrase in the place of a key. */
export interface TokenPassphrase {
  /** As `TOKEN_ENCRYPTION_PASSPHRASE` holds it. */
  readonly passphrase: string;
  /** At least 8 bytes, the same for all tokens that are to open. */
  readonly salt: Uint8Array;
  /** Rounds of PBKDF2-HMAC-SHA-256: 600,000 when not given, at least 100,000. */
  readonly rounds?: number | undefined;
}

/**
 * Encrypts tokens with one key: AES-256-GCM, a fresh 12-byte nonce each time, for at most 2^32 tokens. A text that does not
 * open is an error, whatever the reason; it is never taken for a token in clear.
 */
export class TokenEncryptionService {
  readonly #key: Buffer;

  /** @throws Refusal `key_unavailable` without a key, `key_weak` for one of another length or that is not random */
  constructor({ encryptionKey }: TokenEncryptionOptions) {
    this.#key = ownKey(encryptionKey);
  }

  /** @throws Refusal `key_unavailable` without a passphrase, `key_weak` for a short one, a short salt or too few rounds */
  static async fromPassphrase(from: TokenPassphrase): Promise<TokenEncryptionService> {
    const { passphrase, salt, rounds: times = rounds } = from;
    if (!isGiven(passphrase)) throw missing('TOKEN_ENCRYPTION_PASSPHRASE');
    refuseWeakPassphrase(passphrase);
    if (!(salt instanceof Uint8Array) || salt.length < saltBytesMin)
      throw refuse('key_weak', `the salt of the passphrase must have ${saltBytesMin} bytes`);
    if (!(times >= roundsMin))
      throw refuse('key_weak', `the passphrase must be stretched by at least ${roundsMin} rounds`);
    const encryptionKey = await pbkdf2Sha256(passphrase, salt, times);
    try {
      return new TokenEncryptionService({ encryptionKey });
    } finally {
      encryptionKey.fill(0);
    }
  }

  /** 32 fresh bytes in base64, for `TOKEN_ENCRYPTION_KEY`. */
  static generateKey(): string {
    const bytes = mintKeyBytes();
    try {
      return bytes.toString('base64');
    } finally {
      bytes.fill(0);
    }
  }

  /** Whether a service could be made of this key. */
  static verifyKey(encryptionKey: string): boolean {
    try {
      ownKey(encryptionKey).fill(0);
      return true;
    } catch {
      return false;
    }
  }

  /** The token as base64url of nonce, ciphertext and tag. */
  encrypt(plaintext: string): string {
    return textFromRow(sealGcmRow(Buffer.from(plaintext), this.#key));
  }

  /**
   * The token of a text, in the form of {@link encrypt} or as `nonce:tag:ciphertext` in hex or base64.
   *
   * @throws Refusal `open_failed`, the same for every reason
   */
  decrypt(encrypted: string): string {
    if (typeof encrypted !== 'string') throw openFailed('a sealed token is no text');
    const plaintext = openGcmRow(rowFromText(encrypted), this.#key);
    try {
      return plaintext.toString('utf8');
    } finally {
      plaintext.fill(0);
    }
  }

  /** A value as JSON, encrypted. @throws TypeError for what has no JSON */
  encryptJSON(value: unknown): string {
    const text: string | undefined = JSON.stringify(value);
    if (text === undefined) throw new TypeError('the value has no JSON');
    return this.encrypt(text);
  }

  /** The value of {@link encryptJSON}. @throws Refusal `open_failed` also for a text that holds no JSON */
  decryptJSON(encrypted: string): unknown {
    const text = this.decrypt(encrypted);
    try {
      return JSON.parse(text) as unknown;
    } catch {
      // Without the parser's message: it quotes the text.
      throw openFailed('a sealed text holds no JSON');
    }
  }

  /** SHA-256 of a token in hex: the name under which rows of earlier programs lie. Names of ours are blinded with a key. */
  hashKey(token: string): string {
    return hash('sha256', token, 'hex');
  }
}

function ownKey(given: string | Uint8Array): Buffer {
  if (!isGiven(given)) throw missing(variable);
  const key = typeof given === 'string' ? decodeKeyText(given, variable) : Buffer.from(given);
  refuseWeakKey(key, variable);
  return key;
}

function isGiven(given: string | Uint8Array | undefined): boolean {
  return (typeof given === 'string' && given.trim() !== '') || given instanceof Uint8Array;
}

function missing(name: string): Error {
  return refuse('key_unavailable', `${name} is not set, and nothing is kept without a key`);
}
