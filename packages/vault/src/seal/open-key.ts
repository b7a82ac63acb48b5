import { refuse } from '../refusal.ts';
import { additionalData, type Bound } from './additional-data.ts';
import type { DataKey, Suite } from './data-key.ts';
import { openFailed, tagBytes } from './gcm.ts';
import { derive, type Random } from './key-bytes.ts';
import { kinds } from './kinds.ts';
import { fillNonce } from './nonces.ts';
import { headerFor, keyIdBytes, parseRecord, setKind } from './record.ts';
import { nonceBytes, type SuiteCipher } from './suites.ts';

const wrappedBytesMax = 0xffff;
const giveBackBytes = 2048;

/** How much one key may seal in one process before another is minted. */
export interface SealLimits {
  readonly records: number;
  readonly bytes: number;
}

// Suite 2 draws 12-byte nonces at random: 2^32 records in all (NIST SP 800-38D §8.3), shared by up to 16 processes.
// Under suite 1 nothing ends there; its figures are a policy.
const limitsOf: Readonly<Record<Suite, SealLimits>> = {
  1: { records: 2 ** 40, bytes: 2 ** 46 },
  2: { records: 2 ** 28, bytes: 2 ** 38 },
};

/** What a test may replace. */
export interface DataKeyOptions {
  /** Draws nonces; by default the system's generator, out of a small pool. */
  readonly random?: Random;
  readonly limits?: SealLimits;
}

/**
 * Put 32 bytes into use as a key. Takes them over: they are zero when this returns or throws.
 *
 * @throws Refusal `key_weak` for another length, or for bytes that are all zero (a key that was wiped before)
 */
export function dataKey(bytes: Uint8Array, suite: Suite, options: DataKeyOptions = {}): DataKey {
  const { cipher, commitment } = derive(bytes, suite);
  const { random, limits = limitsOf[suite] } = options;
  const fill = random === undefined ? fillNonce : (nonce: Buffer) => nonce.set(random(nonce.length));
  const id = commitment.subarray(0, keyIdBytes);
  const header = headerFor(suite, id);
  const inUse: KeyInUse = { cipher, fill, nonceLength: nonceBytes[suite] };
  let sealedRecords = 0;
  let sealedBytes = 0;
  let destroyed = false;

  return {
    id: Buffer.from(id),
    commitment: Buffer.from(commitment),
    suite,
    get spent() {
      return sealedRecords >= limits.records || sealedBytes >= limits.bytes;
    },
    seal(kind, context, plaintext, wrapped) {
      if (destroyed) throw dropped();
      checkWrapped(kinds[kind].ownKey, wrapped);
      setKind(header, kind);
      const record = sealBound(inUse, { header, wrapped, fields: kinds[kind].fields, context }, plaintext);
      sealedRecords += 1;
      sealedBytes += plaintext.length;
      return record;
    },
    open(kind, context, sealed) {
      if (destroyed) throw dropped();
      const parsed = parseRecord(sealed);
      if (parsed.suite !== suite || parsed.kind !== kind)
        throw openFailed('another suite or kind than asked for');
      if (!id.equals(parsed.dataKeyId)) throw openFailed('sealed under another key');
      setKind(header, kind);
      const bound = openingData({ header, wrapped: parsed.wrapped, fields: kinds[kind].fields, context });
      return openBound(inUse, bound, sealed, parsed.nonceAt);
    },
    destroy() {
      if (!destroyed) cipher.destroy();
      destroyed = true;
    },
  };
}

interface KeyInUse {
  readonly cipher: SuiteCipher;
  readonly fill: (nonce: Buffer) => void;
  readonly nonceLength: number;
}

function sealBound({ cipher, fill, nonceLength }: KeyInUse, bound: Bound, plaintext: Uint8Array): Buffer {
  const covered = additionalData(bound);
  const nonceAt = bound.header.length + (bound.wrapped === undefined ? 0 : 2 + bound.wrapped.length);
  const bodyAt = nonceAt + nonceLength;
  const record = Buffer.allocUnsafe(bodyAt + plaintext.length + tagBytes);
  // The record begins with the very bytes that its tag covers.
  covered.copy(record, 0, 0, nonceAt);
  const nonce = record.subarray(nonceAt, bodyAt);
  fill(nonce);
  const { ciphertext, tag } = cipher.encrypt(nonce, covered, plaintext);
  record.set(ciphertext, bodyAt);
  record.set(tag, bodyAt + ciphertext.length);
  giveBack(ciphertext);
  return record;
}

// A large ciphertext was copied and is of no more use. Left to the garbage collector, its memory would be missing for the next
// one, whose fresh pages cost more than the copy: at 64 KiB, sealing takes 1.2 times as long as the bare calls in place of 1.5.
function giveBack({ buffer, byteLength }: Uint8Array): void {
  if (byteLength >= giveBackBytes && buffer.byteLength === byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0);
}

function openBound(
  { cipher, nonceLength }: KeyInUse,
  covered: Buffer,
  sealed: Uint8Array,
  nonceAt: number,
): Buffer {
  const bodyAt = nonceAt + nonceLength;
  const tagAt = sealed.length - tagBytes;
  return cipher.decrypt(sealed.subarray(nonceAt, bodyAt), covered, {
    ciphertext: sealed.subarray(bodyAt, tagAt),
    tag: sealed.subarray(tagAt),
  });
}

function checkWrapped(ownKey: boolean, wrapped: Uint8Array | undefined): void {
  if (ownKey !== (wrapped !== undefined))
    throw refuse(
      'context_invalid',
      'a record carries a wrapped key if, and only if, its kind has keys of its own',
    );
  if (wrapped !== undefined && wrapped.length > wrappedBytesMax)
    throw refuse('context_invalid', `a wrapped key is longer than ${wrappedBytesMax} bytes`);
}

/** A context that nothing can have been sealed under is no other answer than the wrong one. */
function openingData(bound: Bound): Buffer {
  try {
    return additionalData(bound);
  } catch {
    throw openFailed('no valid context');
  }
}

function dropped() {
  return refuse(
    'key_unavailable',
    'the key was dropped while it was in use; try again',
    'data key destroyed',
  );
}
