import type { Sealer } from '../keys/sealer.ts';
import { refuse } from '../refusal.ts';
import { sealBatch, tailAfter, type Batch, type Tail } from './batch.ts';
import { within } from '../store/within.ts';
import type { Committer, OpenCommitter } from './committer.ts';
import type { DeviceStanding } from './devices/device.ts';
import type { Rows } from './rows.ts';
import type { Trim } from './trim-mark.ts';
import { sameHash } from '../tlog/hash.ts';

// Writes batch behind batch. After a failure nobody knows whether the batch reached the disk, so nothing more is
// written until the file has been looked at: either it ends with that batch, or with the one before, or it is not ours.

/** The end of the journal, seen by the one who writes it. */
export interface ChainWriter {
  /** The last batch that is on the disk for sure. */
  tail(): Tail;
  /** The last batch of the file that is read: behind `tail` while only another device could be written. */
  readable(): Pick<Tail, 'n' | 'digest'>;
  /** How each of two devices does; empty when there is one. */
  devices(): readonly DeviceStanding[];
  /** Write one batch. After a rejection only `recover` may follow. */
  write(lines: readonly string[]): Promise<void>;
  /**
   * Open the file anew after a failed `write`.
   *
   * @returns whether the failed batch is on the disk after all
   * @throws Refusal `journal_broken` when the file no longer ends where this process left it; whatever the disk says.
   *   It may be tried again.
   */
  recover(): Promise<boolean>;
  /**
   * Put a trim mark in place of its batch, and remove what stands before it.
   *
   * @returns whether that was possible now
   * @throws Refusal or Error of the device; nothing is lost then, and it may be tried again
   */
  trim(trim: Trim): Promise<boolean>;
  /** Rejects when the disk does not let go within the deadline. */
  close(): Promise<void>;
}

/** What a chain is written with. `deadlineMs`: a commit that takes longer has failed. */
export interface ChainTools {
  readonly path: string;
  readonly sealer: Sealer;
  readonly rows: Rows;
  readonly openCommitter: OpenCommitter;
  readonly deadlineMs: number;
}

/** Go on with the chain where `start` ends it. @throws Refusal `audit_unavailable` when the committer does not open */
export async function openChain(tools: ChainTools, start: Tail): Promise<ChainWriter> {
  const { path, sealer, rows, openCommitter, deadlineMs } = tools;
  let tail = start;
  let committer: Committer | undefined = await openCommitter(path);
  let suspect: Batch | undefined;
  let closing: Promise<void> | undefined;
  const end = async () => {
    closing ??= committer?.close().catch(() => undefined);
    await within(deadlineMs, closing ?? Promise.resolve());
    committer = closing = undefined;
  };

  return {
    tail: () => tail,
    readable: () => tail,
    devices: () => [],
    async write(lines) {
      const batch = await sealBatch(sealer, tail, lines);
      if (committer === undefined || suspect !== undefined) throw new Error('recover first');
      suspect = batch;
      await within(deadlineMs, committer.commit(batch));
      suspect = undefined;
      tail = tailAfter(batch);
    },
    async recover() {
      // Closing comes first: a thread that still hangs in a write must not come back behind us.
      await end();
      const last = await rows.last();
      const stands = suspect !== undefined && last !== undefined && sameHash(last.digest, suspect.digest);
      if (!stands && !(last === undefined ? tail.n === 0 : sameHash(last.digest, tail.digest)))
        throw refuse(
          'journal_broken',
          'the audit journal does not continue where it ended',
          'changed while open',
        );
      committer = await openCommitter(path);
      if (stands) tail = tailAfter(suspect!);
      suspect = undefined;
      return stands;
    },
    async trim(trim) {
      if (committer === undefined) return false;
      await within(deadlineMs, committer.trim(trim));
      return true;
    },
    close: end,
  };
}
