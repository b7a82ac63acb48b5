import { argon2 } from 'node:crypto';
import { promisify } from 'node:util';
import { refuse } from '../refusal.ts';
import { pbkdf2Sha256 } from '../seal/keyed-sha256.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';

// A passphrase becomes a root key by work that whoever guesses has to do for every guess. The work is kept with the
// data; one that is too small is refused, however it came there, and so is one that would stop this process.

const passphraseLengthMin = 16;
const saltBytesMin = 16;
const keyBytes = 32;

/** The work that makes a key of a passphrase. */
export type Stretching =
  | {
      /** RFC 8018 §5.2, with HMAC-SHA-256. */
      readonly kdf: 'pbkdf2-sha256';
      readonly rounds: number;
    }
  | {
      /** RFC 9106. */
      readonly kdf: 'argon2id';
      readonly memoryKib: number;
      readonly passes: number;
      /** Degree of parallelism; part of the result, however many threads there are. */
      readonly lanes: number;
    };

/** What was done before the work was kept with the data: 600,000 rounds, the OWASP figure of 2023. */
export const earlierStretching: Stretching = { kdf: 'pbkdf2-sha256', rounds: 600_000 };

/** What is done for new data: the second recommendation of RFC 9106 §4, 64 MiB. */
export const newStretching: Stretching = { kdf: 'argon2id', memoryKib: 65_536, passes: 3, lanes: 4 };

/** The least and the most of each number; the least of Argon2id is the OWASP figure of 2023. */
const bounds: Readonly<Record<string, readonly [number, number]>> = {
  rounds: [600_000, 100_000_000],
  memoryKib: [19_456, 1_048_576],
  passes: [2, 64],
  lanes: [1, 64],
};

/** What stands beside the data for its passphrase. */
export interface PassphraseSettings {
  /** At least 16 random bytes, made once. */
  readonly salt: Uint8Array;
  readonly stretching: Stretching;
}

/**
 * The provider `passphrase`: one root key derived from `TOKEN_ENCRYPTION_PASSPHRASE`. Another salt or other work makes
 * another key, so both are kept with the data.
 *
 * @throws Refusal `key_weak` for a short passphrase or salt, or too little or too much work
 */
export async function passphraseKey(
  passphrase: string,
  { salt, stretching }: PassphraseSettings,
): Promise<KeyProvider> {
  refuseWeakPassphrase(passphrase);
  if (salt.length < saltBytesMin)
    throw refuse('key_weak', `the salt of the passphrase must have ${saltBytesMin} bytes`);
  refuseOtherWork(stretching);
  const derived = await derive(passphrase.normalize('NFC'), salt, stretching);
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

function refuseOtherWork({ kdf, ...numbers }: Stretching): void {
  for (const [name, number] of Object.entries(numbers)) {
    const [least, most] = bounds[name] ?? [Number.NaN, Number.NaN];
    if (!(Number.isSafeInteger(number) && number >= least && number <= most))
      throw refuse(
        'key_weak',
        `the passphrase must be stretched with ${name} from ${least} to ${most}`,
        `${kdf} with ${name} ${number}`,
      );
  }
}

async function derive(text: string, salt: Uint8Array, stretching: Stretching): Promise<Buffer> {
  if (stretching.kdf === 'pbkdf2-sha256') return pbkdf2Sha256(text, salt, stretching.rounds);
  const { memoryKib: memory, passes, lanes: parallelism } = stretching;
  const work = { message: text, nonce: salt, parallelism, tagLength: keyBytes, memory, passes };
  return promisify(argon2)('argon2id', work);
}
