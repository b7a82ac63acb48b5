import type { Batch } from './batch.ts';
import type { Trim } from './trim-mark.ts';

/** Puts batches on the disk, one at a time. */
export interface Committer {
  /** Resolves once the batch would survive a power cut. After a rejection nobody knows: look at the file. */
  commit(batch: Batch): Promise<void>;
  /** Put a trim mark in place of its batch, and remove what stands before it, at once or not at all. */
  trim(trim: Trim): Promise<void>;
  /** Ends it, after a commit that is under way. Resolves when no write can follow. */
  close(): Promise<void>;
}

/** Opens a committer on a file that `prepareFile` prepared. */
export type OpenCommitter = (path: string) => Promise<Committer>;
