import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Refusal, refuse } from '../refusal.ts';

// Files that appear whole or not at all, also when the power fails: written beside, synced, renamed, the directory synced.

/** What a half-written file ends in; those of a process that was killed are nobody's. */
export const draftEnding = '.tmp';

/**
 * Read a file whole.
 *
 * @returns `undefined` when there is none
 */
export async function readWhole(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path, { flag: constants.O_RDONLY | constants.O_NOFOLLOW });
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Make a file of mode 0600 with this content, or replace it. Makes the directory if its parent is there. */
export async function writeWhole(path: string, content: Uint8Array): Promise<void> {
  const folder = dirname(path);
  const draft = join(folder, `${randomBytes(9).toString('hex')}${draftEnding}`);
  await makeFolder(folder);
  try {
    await writeThrough(draft, content);
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  await syncDirectory(folder);
}

/** Make a file of mode 0600 that is not there yet, synced; its name is durable only when the directory is synced too. */
export async function writeThrough(path: string, content: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Remove a file, for good. @returns whether there was one */
export async function removeWhole(path: string): Promise<boolean> {
  try {
    await unlink(path);
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Wait for what uses files. @throws Refusal `store_unavailable` for every error of the file system; refusals as they are */
export async function onDisk<V>(work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refusal || !(error instanceof Error) || !('syscall' in error)) throw error;
    throw refuse(
      'store_unavailable',
      'the files of the store cannot be read or written',
      error.message,
      error,
    );
  }
}

/** Whether an error says that there is no such file. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** Make a directory durable that was changed. */
export async function syncDirectory(directory: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(directory, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function makeFolder(folder: string): Promise<void> {
  if (await stat(folder).catch(() => undefined)) return;
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  });
  await syncDirectory(dirname(folder));
}
