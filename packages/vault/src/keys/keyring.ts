import { randomBytes } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { dataKey } from '../seal/open-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import { createPrivateFile, readPrivateFile } from './private-file.ts';
import type { KeyProvider } from './provider.ts';
import { keyRefOf, rootKeys, type RootBytes } from './root-keys.ts';
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

/** What {@link openKeyring} needs to know. */
export interface KeyringParts {
  /** Path of the file; its directory exists. */
  readonly file: string;
  /**
   * Whether a missing file may be made anew. False as soon as the deployment holds tenant keys: a new keyring in the
   * place of a lost one would hide that the data cannot be opened any more.
   */
  readonly mayCreate: boolean;
  readonly now: () => number;
  /** `randomBytes` of `node:crypto` when not given. */
  readonly random?: Random;
}

/**
 * The provider `keyring`: root keys in a local file, made at first use.
 *
 * @throws Refusal `key_unavailable` when the file is missing and may not be made, others can read it, or its content
 *   is not a keyring; `key_weak` when a key in it is not random
 */
export async function openKeyring({
  file,
  mayCreate,
  now,
  random = randomBytes,
}: KeyringParts): Promise<KeyProvider> {
  let content = await readPrivateFile(file, fileBytesMax);
  if (content === undefined) {
    if (!mayCreate)
      throw refuse(
        'key_unavailable',
        'the keyring is missing, and this data was sealed with one; put keyring.json back from its backup',
        `no file ${file}`,
      );
    const made = newKeyring(random, now());
    try {
      await createPrivateFile(file, made);
    } finally {
      made.fill(0);
    }
    // Read back instead of used from memory: whoever lost a race to make the file takes the winner's.
    content = await readPrivateFile(file, fileBytesMax);
    if (content === undefined) throw malformed(file, 'the file went away');
  }
  try {
    return rootKeys({ name: 'keyring', roots: parseKeyring(content, file), random });
  } finally {
    content.fill(0);
  }
}

/**
 * Copy a keyring to another place, byte for byte; one that is there already stays.
 *
 * @returns whether there was one to copy
 * @throws Refusal `key_unavailable` when it is no keyring that can be used, or the copy cannot be written
 */
export async function copyKeyring(from: string, to: string): Promise<boolean> {
  const content = await readPrivateFile(from, fileBytesMax);
  if (content === undefined) return false;
  try {
    for (const { bytes } of parseKeyring(content, from)) bytes.fill(0);
    await createPrivateFile(to, content);
    return true;
  } finally {
    content.fill(0);
  }
}

function newKeyring(random: Random, nowMs: number): Buffer {
  const key = Buffer.from(random(32));
  const entry = { id: idOf(key), createdAtMs: nowMs, key: key.toString('base64url') };
  key.fill(0);
  return Buffer.from(`${JSON.stringify({ format, keys: [entry] }, undefined, 2)}\n`);
}

function parseKeyring(content: Buffer, file: string): [RootBytes, ...RootBytes[]] {
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

function malformed(file: string, detail: string): Error {
  return refuse(
    'key_unavailable',
    'keyring.json is damaged or was edited; put it back from its backup',
    `${file}: ${detail}`,
  );
}
