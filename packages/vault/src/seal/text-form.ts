import { openFailed } from './gcm.ts';

/** A record as text, for columns that hold text: base64url without padding (RFC 4648 §5). */
export function toText(sealed: Uint8Array): string {
  return Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength).toString('base64url');
}

/**
 * The record that {@link toText} wrote. Node's decoder skips what it does not know and ignores loose bits, so that many
 * texts would stand for one record; only the one that `toText` writes is taken.
 *
 * @throws Refusal `open_failed`
 */
export function fromText(text: string): Buffer {
  const sealed = Buffer.from(text, 'base64url');
  if (sealed.toString('base64url') !== text) throw openFailed('not in the text form of a record');
  return sealed;
}
