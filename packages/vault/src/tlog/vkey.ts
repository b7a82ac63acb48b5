import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { fromBase64, toBase64 } from './strict-text.ts';

// The key by which a stranger checks a note (C2SP signed-note): `<name>+<id in hex>+<base64 of 0x01 and the key>`. The id is
// short: it finds the key among those one trusts, and proves nothing.

const ed25519 = 0x01;

/** A key that signs notes, as those know it who check them. */
export interface Verifier {
  readonly name: string;
  /** 8 hexadecimal digits. */
  readonly id: string;
  readonly publicKey: KeyObject;
}

/**
 * The text of an Ed25519 key.
 *
 * @param name such as `example.com/audit`: no space, no plus
 * @param key public or private
 */
export function vkeyOf(name: string, key: KeyObject): string {
  const bytes = keyBytes(key);
  return `${name}+${keyId(name, bytes)}+${toBase64(bytes)}`;
}

/** @throws Refusal `log_invalid` when this is no such text */
export function parseVkey(vkey: string): Verifier {
  const [, name, id, text] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? [];
  const bytes = text === undefined ? undefined : fromBase64(text);
  const good = name !== undefined && isKeyName(name) && bytes?.length === 33 && bytes[0] === ed25519;
  if (!good || keyId(name, bytes) !== id)
    throw refuse('log_invalid', 'this is no verifier key of a log', vkey);
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') };
  return { name, id, publicKey: createPublicKey({ key: jwk, format: 'jwk' }) };
}

/** The id of a key in hexadecimal: SHA-256 of name, newline, type and key, cut to 4 bytes. */
export function keyIdOf(name: string, key: KeyObject): string {
  return keyId(name, keyBytes(key));
}

/** Whether a key may be called this: not empty, no space of Unicode, no plus, no control character. */
export function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\s+\p{Cc}]+$/u.test(name);
}

/** Type and key, as they stand in the text. */
function keyBytes(key: KeyObject): Buffer {
  const { crv, x } = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'jwk' });
  if (crv !== 'Ed25519' || x === undefined) throw new TypeError('a note is signed with an Ed25519 key');
  return Buffer.concat([Buffer.of(ed25519), Buffer.from(x, 'base64url')]);
}

function keyId(name: string, bytes: Buffer): string {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), bytes]), 'hex').slice(0, 8);
}
