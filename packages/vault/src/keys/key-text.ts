import { refuse } from '../refusal.ts';

// Keys are written by people, so every usual form is taken, and exactly: Node's decoders skip what they do not know,
// so a mistyped key would silently become another, shorter one.

/**
 * The bytes of a key written as hex, base64 or base64url (padded or not); white space around it is cut off.
 *
 * @param name of the variable the text comes from, for the message
 * @returns a buffer of its own (not pooled), which the caller wipes
 * @throws Refusal `key_weak` when the text is none of these
 */
export function decodeKeyText(text: string, name: string): Buffer {
  const trimmed = text.trim();
  if (/^(?:[0-9a-f]{2}){32,}$/iu.test(trimmed)) return ownBuffer(trimmed, 'hex');
  const body = trimmed.replace(/=+$/u, '');
  const padding = trimmed.length - body.length;
  const padded = padding === 0 || (padding <= 2 && trimmed.length % 4 === 0);
  for (const form of ['base64', 'base64url'] as const) {
    const bytes = ownBuffer(body, form);
    if (padded && body !== '' && bytes.toString(form).replace(/=+$/u, '') === body) return bytes;
    bytes.fill(0);
  }
  throw refuse(
    'key_weak',
    `${name} must be a key in base64, base64url or hex; make one with: openssl rand -base64 32`,
  );
}

function ownBuffer(text: string, form: 'hex' | 'base64' | 'base64url'): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text, form));
  return bytes.subarray(0, bytes.write(text, form));
}
