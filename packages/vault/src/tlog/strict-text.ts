/**
 * The bytes of standard base64 (RFC 4648 §4) with its padding; `undefined` for any other text. Node's decoder skips what it
 * does not know and ignores loose bits, so that many texts would stand for the same bytes.
 */
export function fromBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/** A count in decimal digits without leading zeros; `undefined` for any other text, and past 2^53. */
export function fromDecimal(text: string): number | undefined {
  const value = /^(0|[1-9]\d*)$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
