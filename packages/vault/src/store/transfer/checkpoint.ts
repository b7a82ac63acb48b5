import { join } from 'node:path';
import { onDisk, readWhole, removeWhole, writeWhole } from '../atomic-file.ts';
import type { TableName } from '../spec.ts';
import type { Tally } from './tally.ts';

// How far an export has come. It counts only lines that are on the disk; what a file holds beyond is cut off by whoever
// goes on.

/** One table so far. */
export interface TableProgress extends Tally {
  /** Length of its file. */
  readonly bytes: number;
  readonly ended: number;
  /** Where the store goes on; `undefined`: at the beginning, or nowhere when it is done. */
  readonly cursor?: string | undefined;
  readonly done: boolean;
}

/** All of it. */
export interface Checkpoint {
  /** That of the source's freeze. */
  readonly freezeId: string;
  /** The freeze holds everywhere. */
  readonly settled: boolean;
  readonly tables: { readonly [T in TableName]?: TableProgress };
}

const checkpointFile = 'checkpoint.json';

/** @returns `undefined` when there is none that can be read: the export begins anew */
export async function readCheckpoint(directory: string): Promise<Checkpoint | undefined> {
  const bytes = await onDisk(() => readWhole(join(directory, checkpointFile)));
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as Checkpoint;
  } catch {
    return undefined;
  }
}

/** Durable when it resolves. */
export function writeCheckpoint(directory: string, checkpoint: Checkpoint): Promise<void> {
  return onDisk(() => writeWhole(join(directory, checkpointFile), Buffer.from(JSON.stringify(checkpoint))));
}

/** The export is whole, or begins anew. */
export async function dropCheckpoint(directory: string): Promise<void> {
  await onDisk(() => removeWhole(join(directory, checkpointFile)));
}
