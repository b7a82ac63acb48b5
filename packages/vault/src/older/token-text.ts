import { openFailed, tagBytes } from '../seal/gcm.ts';
import type { GcmRow } from '../seal/gcm-row.ts';

// A secret that AES-256-GCM sealed, as one text, in the two forms that programs keep in a column or a key-value store:
//
//   base64url, no padding   nonce (12) · ciphertext · tag (16)
//   nonce:tag:ciphertext    each in hex, or each in base64; the nonce has 12 bytes, or 16
//
// Which one a text is follows from the text alone, and nothing is tried twice: a text that is neither is no secret in clear,
// it is an error.

const nonceBytes = 12;
const tagHexLength = 2 * tagBytes;

/** How bytes are written as text. */
export type TextEncoding = 'base64' | 'base64url' | 'hex';

/**
 * The parts of a sealed text.
 *
 * @throws Refusal `open_failed` for a text of another form
 */
export function rowFromText(text: string): GcmRow {
  const [nonce, tag, ciphertext, ...more] = text.split(':');
  if (tag === undefined) return rowFromBytes(bytesFrom(text, 'base64url'));
  if (nonce === undefined || ciphertext === undefined || more.length > 0)
    throw openFailed('a sealed text of neither one part nor three');
  const encoding = tag.length === tagHexLength ? 'hex' : 'base64';
  return {
    nonce: bytesFrom(nonce, encoding),
    tag: bytesFrom(tag, encoding),
    ciphertext: bytesFrom(ciphertext, encoding),
  };
}

/** The row as one text without colons; its nonce has 12 bytes. */
export function textFromRow({ nonce, ciphertext, tag }: GcmRow): string {
  return Buffer.concat([nonce, ciphertext, tag]).toString('base64url');
}

/**
 * The bytes that a text stands for: hex in either case, base64 with its padding, base64url without. Node's decoders skip what
 * they do not know, so that many texts would stand for one row.
 *
 * @throws Refusal `open_failed` for a text that is not written so
 */
export function bytesFrom(text: string, encoding: TextEncoding): Buffer {
  const bytes = Buffer.from(text, encoding);
  if (bytes.toString(encoding) === (encoding === 'hex' ? text.toLowerCase() : text)) return bytes;
  throw openFailed(`a part of a sealed row is not in ${encoding}`);
}

function rowFromBytes(bytes: Buffer): GcmRow {
  if (bytes.length < nonceBytes + tagBytes) throw openFailed('a sealed text shorter than nonce and tag');
  return {
    nonce: bytes.subarray(0, nonceBytes),
    ciphertext: bytes.subarray(nonceBytes, bytes.length - tagBytes),
    tag: bytes.subarray(bytes.length - tagBytes),
  };
}
