import type { ContextOf, KindName } from './kinds.ts';

/** 1: XAES-256-GCM (C2SP), 24-byte nonce. 2: AES-256-GCM, 12-byte nonce. The key chooses, never the record. */
export type Suite = 1 | 2;

/**
 * One 32-byte key in use: a data key, or a tenant key that wraps data keys. Holds no key bytes in a readable
 * field; they live in native cipher objects until `destroy`.
 */
export interface DataKey {
  /** First 16 bytes of `commitment`; stands in the header of every record sealed under this key. */
  readonly id: Uint8Array;
  /** 32 bytes that bind the key (HKDF-SHA256): two keys cannot share them. Kept in the key's row and compared at unwrap. */
  readonly commitment: Uint8Array;
  readonly suite: Suite;
  /** True once the limits of the suite are near (suite 2: 2^28 records or 2^38 bytes a process; suite 1: 2^40 or 2^46): mint another. */
  readonly spent: boolean;
  /**
   * @param wrapped the data key's own wrapped form, for kinds with a key of their own; up to 65,535 bytes
   * @returns a new buffer: header, nonce, ciphertext, tag
   * @throws Refusal `context_invalid` for a context field that is missing, not text or not well-formed
   */
  seal<K extends KindName>(
    kind: K,
    context: ContextOf<K>,
    plaintext: Uint8Array,
    wrapped?: Uint8Array,
  ): Buffer;
  /**
   * @returns the plaintext in a buffer of its own (not pooled), which the caller wipes
   * @throws Refusal `open_failed`, the same for every reason; `record_version_unknown` for an unknown format byte
   */
  open<K extends KindName>(kind: K, context: ContextOf<K>, sealed: Uint8Array): Buffer;
  /** End the native objects. `seal` and `open` throw afterwards. */
  destroy(): void;
}
