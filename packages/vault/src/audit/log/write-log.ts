import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PublishedFiles } from './published-files.ts';

/** How much was written. */
export interface WrittenLog {
  readonly logs: number;
  readonly files: number;
  /** Entries whose bodies were disclosed. */
  readonly bodies: number;
}

/**
 * Write the published log into a folder that is not there yet: root log, and the logs of all scopes.
 *
 * @throws Error of the file system when the folder is there; Refusal as {@link PublishedFiles.files}
 */
export async function writeLog(directory: string, published: PublishedFiles): Promise<WrittenLog> {
  await mkdir(directory, { mode: 0o700 });
  let [files, bodies] = [0, 0];
  for await (const file of published.files()) {
    const path = join(directory, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, file.bytes, { flag: 'wx', mode: 0o600 });
    files += 1;
    bodies += file.bodies;
  }
  return { logs: published.logs, files, bodies };
}
