import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isLogPath } from '../../audit-verify/source.ts';
import { refuse } from '../../refusal.ts';
import { draftEnding, isAbsent } from '../../store/atomic-file.ts';
import type { PublishedFile } from './published-files.ts';

/** How much was written. */
export interface WrittenLog {
  readonly files: number;
  /** Entries whose bodies were disclosed. */
  readonly bodies: number;
}

/**
 * Write a published log into a folder that is not there yet, or empty. It appears when it is whole, mode 0700, files 0600.
 *
 * @throws Refusal `item_invalid` when the folder is not empty; Error of the file system; whatever `files` throws
 */
export async function writeLog(directory: string, files: AsyncIterable<PublishedFile>): Promise<WrittenLog> {
  if ((await namesIn(directory)).length > 0)
    throw refuse('item_invalid', 'a log is written into a folder that is empty, or not there', directory);
  const draft = `${directory}.${randomBytes(6).toString('hex')}${draftEnding}`;
  const written = { files: 0, bodies: 0 };
  await mkdir(draft, { mode: 0o700 });
  try {
    for await (const { path, bytes, bodies } of files) {
      if (!isLogPath(path)) throw refuse('item_invalid', 'this is no path of a log', path);
      const at = join(draft, path);
      await mkdir(dirname(at), { recursive: true, mode: 0o700 });
      await writeFile(at, bytes, { flag: 'wx', mode: 0o600 });
      written.files += 1;
      written.bodies += bodies;
    }
    await rename(draft, directory);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return written;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
