import { refuse } from '../refusal.ts';
import { dataKey } from '../seal/open-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import { readPrivateFile } from './private-file.ts';
import { keyRefOf, type RootBytes } from './root-keys.ts';
import { refuseWeakKey } from './weak-key.ts';

// The file, 0600, beside the data it opens:
//
//   { "format": "sealgate-keyring-1",
//     "keys": [ { "id": …, "createdAtMs": …, "key": 32 bytes in base64url }, … ] }     the first one is active
//
// An id is the key's own (the first half of its commitment), so an edited id or key shows at once.

const format = 'sealgate-keyring-1';
const fileBytesMax = 65_536;
const keysMax = 100;

/** The content of a keyring file, which the caller wipes. `undefined` when there is none. @throws Refusal `key_unavailable` */
export function readKeyring(file: string): Promise<Buffer | undefined> {
  return readPrivateFile(file, fileBytesMax);
}

/** A keyring with one fresh key. The caller wipes it. */
export function newKeyring(random: Random, nowMs: number): Buffer {
  return written([freshEntry(random, nowMs)]);
}

/**
 * A keyring with a fresh key in front, which is thereby the active one. The caller wipes it.
 *
 * @throws Refusal `key_unavailable` when the content is no keyring, or it is full
 */
export function withFreshKey(content: Buffer, file: string, random: Random, nowMs: number): Buffer {
  for (const { bytes } of parseKeyring(content, file)) bytes.fill(0);
  const { keys } = JSON.parse(content.toString('utf8')) as { readonly keys: readonly object[] };
  if (keys.length >= keysMax)
    throw refuse('key_unavailable', `keyring.json holds ${keysMax} keys already, and takes no further one`);
  return written([freshEntry(random, nowMs), ...keys]);
}

function written(keys: readonly object[]): Buffer {
  return Buffer.from(`${JSON.stringify({ format, keys }, undefined, 2)}\n`);
}

function freshEntry(random: Random, nowMs: number) {
  const key = Buffer.from(random(32));
  const entry = { id: idOf(key), createdAtMs: nowMs, key: key.toString('base64url') };
  key.fill(0);
  return entry;
}

/** The keys of a keyring, the active one first; the caller takes them over and wipes them. @throws Refusal `key_unavailable`, `key_weak` */
export function parseKeyring(content: Buffer, file: string): [RootBytes, ...RootBytes[]] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(content.toString('utf8'));
  } catch {
    // The parser's own message would quote the file, keys included.
    throw malformed(file, 'not JSON');
  }
  if (!isRecord(parsed) || parsed.format !== format) throw malformed(file, `not of format ${format}`);
  if (!Array.isArray(parsed.keys) || parsed.keys.length > keysMax) throw malformed(file, 'no list of keys');
  const [first, ...rest] = parsed.keys.map((entry: unknown, index) => parseEntry(entry, file, index));
  if (first === undefined) throw malformed(file, 'no key in it');
  return [first, ...rest];
}

function parseEntry(entry: unknown, file: string, index: number): RootBytes {
  const where = `key ${index}`;
  if (!isRecord(entry) || typeof entry.key !== 'string' || typeof entry.id !== 'string')
    throw malformed(file, `${where} is not an id and a key`);
  if (!Number.isSafeInteger(entry.createdAtMs)) throw malformed(file, `${where} has no createdAtMs`);
  const bytes = Buffer.from(entry.key, 'base64url');
  if (bytes.toString('base64url') !== entry.key) throw malformed(file, `${where} is not base64url`);
  refuseWeakKey(bytes, 'a key in keyring.json');
  if (idOf(bytes) !== entry.id) throw malformed(file, `${where} does not match its id`);
  return { bytes, createdAtMs: entry.createdAtMs as number };
}

function idOf(bytes: Buffer): string {
  const key = dataKey(Buffer.from(bytes), 1);
  const id = keyRefOf(key);
  key.destroy();
  return id;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The refusal of what is no keyring. */
export function malformed(file: string, detail: string): Error {
  return refuse(
    'key_unavailable',
    'keyring.json is damaged or was edited; put it back from its backup',
    `${file}: ${detail}`,
  );
}
