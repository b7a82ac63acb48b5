import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { Refusal, refuse } from '../refusal.ts';
import type { Random } from '../seal/key-bytes.ts';
import { malformed, newKeyring, parseKeyring, readKeyring, withFreshKey } from './keyring-file.ts';
import { createPrivateFile, replacePrivateFile } from './private-file.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';

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
  let content = await readKeyring(file);
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
    content = await readKeyring(file);
    if (content === undefined) throw malformed(file, 'the file went away');
  }
  const mark = await markOf(file);
  return followedKeyring(file, random, { roots: rootsIn(content, file, random), mark });
}

/**
 * Put a fresh key into a keyring and make it the active one. The file is whole at every moment, and durable when this resolves;
 * a process that has it open takes the new key with the next one that it wraps.
 *
 * @throws Refusal `key_unavailable` when there is no keyring, or it cannot be written
 */
export async function addKeyringKey({ file, now, random = randomBytes }: Omit<KeyringParts, 'mayCreate'>) {
  const content = await readKeyring(file);
  if (content === undefined) throw malformed(file, 'there is none to add a key to');
  try {
    const next = withFreshKey(content, file, random, now());
    try {
      await replacePrivateFile(file, next);
    } finally {
      next.fill(0);
    }
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
  const content = await readKeyring(from);
  if (content === undefined) return false;
  try {
    for (const { bytes } of parseKeyring(content, from)) bytes.fill(0);
    await createPrivateFile(to, content);
    return true;
  } finally {
    content.fill(0);
  }
}

interface Kept {
  readonly roots: KeyProvider;
  /** Of the file they were read from. */
  readonly mark: string | undefined;
}

// The file is looked at before anything is wrapped, and when a root key is asked for that is not known. What is in use goes on
// where the file went away or cannot be read.
function followedKeyring(file: string, random: Random, first: Kept): KeyProvider {
  let kept = first;
  let closed = false;
  let reading: Promise<KeyProvider> | undefined;
  const read = async (): Promise<KeyProvider> => {
    const mark = await markOf(file);
    if (closed || mark === undefined || mark === kept.mark) return kept.roots;
    const content = await readKeyring(file);
    if (content === undefined || closed) return kept.roots;
    const before = kept.roots;
    kept = { roots: rootsIn(content, file, random), mark };
    // Not in this turn: who was given the older ones is about to use them.
    setImmediate(() => void before.close());
    return kept.roots;
  };
  const current = (): Promise<KeyProvider> => (reading ??= read().finally(() => (reading = undefined)));
  return {
    name: 'keyring',
    generate: async (request) => (await current()).generate(request),
    wrap: async (request) => (await current()).wrap(request),
    async unwrap(request) {
      const { roots } = kept;
      return roots.unwrap(request).catch(async (error: unknown) => {
        const unknown = error instanceof Refusal && error.code === 'key_unavailable';
        const now = unknown ? await current() : roots;
        if (now === roots) throw error;
        return now.unwrap(request);
      });
    },
    rewrap: async (request) => (await current()).rewrap(request),
    describe: async () => (await current()).describe(),
    async close() {
      closed = true;
      await kept.roots.close();
    },
  };
}

function rootsIn(content: Buffer, file: string, random: Random): KeyProvider {
  try {
    return rootKeys({ name: 'keyring', roots: parseKeyring(content, file), random });
  } finally {
    content.fill(0);
  }
}

async function markOf(file: string): Promise<string | undefined> {
  try {
    const { ino, size, mtimeMs } = await stat(file);
    return `${ino} ${size} ${mtimeMs}`;
  } catch {
    return undefined;
  }
}
