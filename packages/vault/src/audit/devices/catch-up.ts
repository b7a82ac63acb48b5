import type { Sealer } from '../../keys/sealer.ts';
import { refuse, Refusal } from '../../refusal.ts';
import { sameHash } from '../../tlog/hash.ts';
import { digestOf, noDigest, type Batch } from '../batch.ts';
import { isTrimmed, openRow } from '../trim-mark.ts';
import type { Committer } from '../committer.ts';
import type { DeviceReads, Point } from './device.ts';

// One device is brought up to the other. Nothing is taken over that does not join what is there, and does not open under our
// keys: who can write one of the two cannot reach the other through it.

const pageBatches = 16;

/** Before the first batch. */
export const beginning: Point = { n: 0, digest: noDigest };

/**
 * Where a chain that ends with `end` stands in the other one.
 *
 * @throws Refusal `journal_broken` when the other does not pass through that point: one of them went its own way
 */
export async function jointIn(other: Pick<DeviceReads, 'from'>, end: Batch | undefined): Promise<Point> {
  if (end === undefined) return beginning;
  const [same] = await other.from(end.n, 1);
  if (same !== undefined && same.n > end.n && isTrimmed(same))
    throw refuse(
      'journal_broken',
      'one file of the audit journal ends before the other begins: move the one that is behind away',
      `batch ${end.n}, and the other begins at ${same.n}`,
    );
  if (same?.n !== end.n || !sameHash(same.digest, end.digest))
    throw forked(`they part at or before batch ${end.n}`);
  return { n: end.n, digest: end.digest };
}

/**
 * Write what follows `start` in `ahead` to `behind`, a page of it.
 *
 * @returns where `behind` stands now; `start` when `ahead` has no more
 * @throws Refusal `journal_broken` when what follows does not join or open, `key_unavailable`; Error of either device
 */
export async function takeOver(
  sealer: Sealer,
  ahead: Pick<DeviceReads, 'from'>,
  behind: Pick<Committer, 'commit'>,
  start: Point,
): Promise<Point> {
  let at = start;
  for (const batch of await ahead.from(start.n + 1, pageBatches)) {
    await mustFollow(sealer, at, batch);
    await behind.commit(batch);
    at = { n: batch.n, digest: batch.digest };
  }
  return at;
}

async function mustFollow(sealer: Sealer, at: Point, batch: Batch): Promise<void> {
  // A device that has nothing yet begins where the other one does.
  const begins = at.n === 0 && isTrimmed(batch);
  const joins =
    batch.n === at.n + 1 &&
    sameHash(batch.prev, at.digest) &&
    sameHash(batch.digest, digestOf(batch, batch.payload));
  if (!begins && !joins) throw forked(`batch ${batch.n} does not join batch ${at.n}`);
  try {
    if ((await openRow(sealer, batch)) !== undefined) return;
  } catch (error) {
    const unreadable =
      error instanceof Refusal && ['open_failed', 'record_version_unknown'].includes(error.code);
    if (!unreadable) throw error;
  }
  throw forked(`batch ${batch.n} does not open`);
}

/** Two devices that do not hold one chain. */
export function forked(detail: string): Refusal {
  return refuse('journal_broken', 'the two files of the audit journal do not hold one chain', detail);
}
