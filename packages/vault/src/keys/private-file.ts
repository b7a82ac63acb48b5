import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { refuse } from '../refusal.ts';
import { syncDirectory, writeThrough, writeWhole } from '../store/atomic-file.ts';

// A file of keys: nobody else may read or change it, it is never followed through a link, and it appears whole or not
// at all, also when the power fails.

/**
 * Read a file that only its owner can read.
 *
 * @returns `undefined` when there is none; a buffer of its own that the caller wipes
 * @throws Refusal `key_unavailable` when others can read or write it, it is larger than `bytesMax`, no plain file, or unreadable
 */
export async function readPrivateFile(file: string, bytesMax: number): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: opening a pipe put in its place must not hang the start.
    handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(file, 'it cannot be opened', error);
  }
  try {
    const { mode, size } = await handle.stat();
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw unusable(file, 'it is no plain file');
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw unusable(
        file,
        `others can reach it (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${file}`,
      );
    if (size > bytesMax) throw unusable(file, `it is larger than ${bytesMax} bytes`);
    const content = Buffer.allocUnsafeSlow(size);
    const { bytesRead } = await handle.read(content, 0, size, 0);
    if (bytesRead !== size) throw unusable(file, 'it changed while being read');
    return content;
  } finally {
    await handle.close();
  }
}

/**
 * Make a file of mode 0600 with this content, durable when it resolves. A file that is there already stays as it is.
 *
 * @throws Refusal `key_unavailable` when the directory cannot be written
 */
export async function createPrivateFile(file: string, content: Uint8Array): Promise<void> {
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeThrough(draft, content);
    // A link, not a rename: it fails when the name is taken, so no race can replace a keyring in use.
    await link(draft, file).catch(isThere);
  } catch (error) {
    throw unusable(file, 'it cannot be written', error);
  } finally {
    // Written or not, the draft holds a key.
    await rm(draft, { force: true });
  }
  await syncDirectory(dirname(file)).catch((error: unknown) => {
    throw unusable(file, 'it cannot be written', error);
  });
}

/**
 * Put this content in the place of a file: whole at every moment, mode 0600, durable when it resolves.
 *
 * @throws Refusal `key_unavailable` when the directory cannot be written
 */
export async function replacePrivateFile(file: string, content: Uint8Array): Promise<void> {
  try {
    await writeWhole(file, content);
  } catch (error) {
    throw unusable(file, 'it cannot be written', error);
  }
}

function isThere(error: unknown): void {
  if (codeOf(error) !== 'EEXIST') throw error;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function unusable(file: string, reason: string, cause?: unknown): Error {
  const detail = cause instanceof Error ? cause.message : reason;
  return refuse('key_unavailable', `the keyring cannot be used: ${reason}`, `${file}: ${detail}`, cause);
}
