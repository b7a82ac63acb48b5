import { randomBytes } from 'node:crypto';
import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeLog } from '@sealgate/vault';
import { refuse } from '../errors.ts';

/** What lies beside an exported file. */
export interface ProofFolder {
  /** Where it lies once it is placed. */
  readonly path: string;
  /** Write it beside its place. */
  write(files: Parameters<typeof writeLog>[1]): Promise<void>;
  /** Give it its name. One that was there before belonged to the file that was replaced, and goes. */
  place(): Promise<void>;
  /** Leave nothing that was not placed. */
  discard(): Promise<void>;
}

/**
 * The folder that proves an exported file.
 *
 * @param file the exported file
 * @param replace take the place of the one that is there
 * @throws Refusal `usage` when there is one already, or something else
 */
export async function openProofFolder(file: string, replace: boolean): Promise<ProofFolder> {
  const path = `${file}.proof`;
  const draft = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  const before = await isThere(path);
  if (before && (!replace || !(await isThere(join(path, 'export.json')))))
    throw refuse('usage', `there is a folder already where the proof would lie: ${path}`);
  let drafted = false;
  return {
    path,
    async write(files) {
      drafted = true;
      await writeLog(draft, files);
    },
    async place() {
      if (before) await rm(path, { recursive: true });
      if (drafted) await rename(draft, path);
    },
    discard: () => rm(draft, { recursive: true, force: true }),
  };
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
