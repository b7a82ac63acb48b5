import type { Sealer } from '../../keys/sealer.ts';
import { sameHash } from '../../tlog/hash.ts';
import type { Batch, Tail } from '../batch.ts';
import { beginning, forked, jointIn, takeOver } from './catch-up.ts';
import type { DeviceReads, OpenDevice, Point } from './device.ts';

/** Where the chain is while devices come and go. */
export interface ChainEnd {
  /** What is written for sure. */
  tail(): Tail;
  /** The batch that is being written, or of which nobody knows whether it is; `undefined`: none. */
  suspect(): Batch | undefined;
}

/**
 * Bring a device up to the end of the chain, while the chain grows.
 *
 * @param other what the other device holds; `undefined` when it was never open
 * @param join called as soon as nothing is missing but what is under way, in the same turn as that was found
 * @throws Refusal `journal_broken` when the device holds something else; Error of either device
 */
export async function bringUp(
  { sealer, end }: { readonly sealer: Sealer; readonly end: ChainEnd },
  opened: OpenDevice,
  other: DeviceReads | undefined,
  join: (at: Point) => void,
): Promise<void> {
  let at = await standingOf(end, opened, other);
  while (at.n < end.tail().n) {
    const before = at.n;
    if (other !== undefined) at = await takeOver(sealer, other, opened, at);
    if (at.n === before) throw new Error('the other device lacks what this one missed');
  }
  const tail = end.tail();
  if (at.n === tail.n && !sameHash(at.digest, tail.digest)) throw forked(`they part before batch ${tail.n}`);
  join(at);
}

async function standingOf(end: ChainEnd, opened: OpenDevice, other: DeviceReads | undefined): Promise<Point> {
  const last = await opened.last();
  if (last === undefined) return beginning;
  const known = [end.tail(), end.suspect()];
  if (known.some((point) => point !== undefined && sameHash(point.digest, last.digest)))
    return { n: last.n, digest: last.digest };
  if (last.n >= end.tail().n || other === undefined)
    throw forked(`batch ${last.n} is not the one that was written`);
  return jointIn(other, last);
}
