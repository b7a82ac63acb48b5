import { refuse } from '../refusal.ts';
import {
  readKey,
  readOrMint,
  unwrapKey,
  useKey,
  type KeyRecords,
  type Minting,
  type TokenKey,
  type TokenOf,
  type WrappedKey,
} from './token-key.ts';

// From the name of a token key to the key: its record, and then whoever has it in clear.

/** Token keys that an instance has opened lately, for the others; see `shared-keys.ts`. */
export interface OpenedKeys {
  /** The bytes of a key and when they end, to be wiped by the caller; `undefined`: ask the key service. */
  get(key: WrappedKey): Promise<{ readonly bytes: Buffer; readonly endsAtMs: number } | undefined>;
  /** Let the others have it. Keeps and changes nothing of `bytes`. */
  put(key: WrappedKey, bytes: Uint8Array, endsAtMs: number): Promise<void>;
}

/** What keys are found with. */
export interface FindingParts extends KeyRecords {
  /** `undefined`: every instance asks the key service by itself. */
  readonly opened: OpenedKeys | undefined;
}

/**
 * The key of this name.
 *
 * @param endsAtMs when it ends if it is opened now
 * @throws Refusal `key_unavailable`, `open_failed` when it is of another client or provider
 */
export async function findKey(
  parts: FindingParts,
  name: string,
  whose: TokenOf,
  endsAtMs: number,
): Promise<TokenKey> {
  const wrapped = await readKey(parts, name, whose);
  if (wrapped === undefined)
    throw refuse('key_unavailable', 'the key of this token was removed from the store', `tokens.key.${name}`);
  return openKey(parts, wrapped, endsAtMs);
}

/**
 * The key that seals now, made when there is none.
 *
 * @param endsAtMs when it ends if it is opened now
 * @throws Refusal `key_unavailable`
 */
export async function findOrMintKey(
  parts: FindingParts,
  minting: Minting,
  endsAtMs: number,
): Promise<TokenKey> {
  const { bytes, ...wrapped } = await readOrMint(parts, minting);
  return bytes === undefined ? openKey(parts, wrapped, endsAtMs) : told(parts, wrapped, bytes, endsAtMs);
}

async function openKey(parts: FindingParts, wrapped: WrappedKey, endsAtMs: number): Promise<TokenKey> {
  const opened = await parts.opened?.get(wrapped);
  if (opened !== undefined) return useKey(wrapped, opened.bytes, opened.endsAtMs);
  return told(parts, wrapped, await unwrapKey(parts, wrapped), endsAtMs);
}

async function told(
  { opened }: FindingParts,
  wrapped: WrappedKey,
  bytes: Buffer,
  endsAtMs: number,
): Promise<TokenKey> {
  try {
    await opened?.put(wrapped, bytes, endsAtMs);
    return useKey(wrapped, bytes, endsAtMs);
  } finally {
    bytes.fill(0);
  }
}
