import { refuse } from '../refusal.ts';

// A root key that can be guessed opens every record. These are the keys that people really set: zeros,
// `changeme` repeated, the example of a manual in base64. A random key fails one of these checks once in 10^13.

const distinctBytesMin = 8;
const repeatPeriodMax = 16;
const howToMake = 'make one with: openssl rand -base64 32';

/**
 * Refuse root key bytes that are not random by the look of them.
 *
 * @param name of the variable or file the bytes come from, for the message
 * @param bytesMin the least length; the exact length when `bytesMax` equals it
 * @throws Refusal `key_weak`
 */
export function refuseWeakKey(bytes: Uint8Array, name: string, bytesMin = 32, bytesMax = bytesMin): void {
  if (bytes.length < bytesMin || bytes.length > bytesMax)
    throw refuse(
      'key_weak',
      `${name} must hold ${bytesMin === bytesMax ? 'exactly' : 'at least'} ${bytesMin} random bytes; ${howToMake}`,
      `it holds ${bytes.length} bytes`,
    );
  const fault = weakness(bytes);
  if (fault !== undefined) throw refuse('key_weak', `${name} is not a random key (${fault}); ${howToMake}`);
}

function weakness(bytes: Uint8Array): string | undefined {
  if (new Set(bytes).size < distinctBytesMin) return 'too few different bytes';
  if (bytes.every((byte) => byte >= 0x20 && byte < 0x7f)) return 'it is readable text';
  const first = bytes[0] ?? 0;
  const step = ((bytes[1] ?? 0) - first) & 0xff;
  if (bytes.every((byte, index) => byte === ((first + step * index) & 0xff))) return 'it counts';
  for (let period = 1; period <= repeatPeriodMax; period += 1)
    if (bytes.every((byte, index) => byte === bytes[index % period])) return 'it repeats itself';
  return undefined;
}
