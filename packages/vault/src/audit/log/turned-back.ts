import { sameHash } from '../../tlog/hash.ts';
import { rootAt, rootOf } from './grow-log.ts';
import { originOf } from './names.ts';
import type { Period, Segments, StatedHead, StoredLog } from './segments.ts';

// No two checkpoints may disagree. What was stated of each log lies beside the journal; a log that does not have what was
// stated, because its file came back from a backup, is never signed or added to again. Another one is begun in its place,
// and its first leaf names what was stated of this one.

const unnotedMax = 100_000;

/** Logs that do not have what was stated of them: of the newest period, and of older ones what was not published yet. */
export async function findTurnedBack(
  segments: Segments,
  deployment: string,
): Promise<ReadonlyMap<string, StatedHead>> {
  const found = new Map<string, StatedHead>();
  const names = await segments.periods();
  for (const name of names) {
    const period = await segments.period(name);
    const logs = name === names.at(-1) ? await period.logs() : await period.unnoted(unnotedMax);
    for (const log of logs) {
      const stated = await segments.root.stated(originOf(deployment, log));
      if (stated !== undefined && !(await hasStated(period, log, stated))) found.set(stated.origin, stated);
    }
  }
  return found;
}

/**
 * Whether the root log is older than checkpoints that were published: its file came back from a backup. It can only be
 * replaced by the one that was lost, since what it stated cannot be made again.
 */
export async function isRootTurnedBack(segments: Segments, deployment: string): Promise<boolean> {
  const newest = (await segments.periods()).at(-1);
  if (newest === undefined) return false;
  for (const log of await (await segments.period(newest)).logs()) {
    const stated = await segments.root.stated(originOf(deployment, log));
    if (log.notedSize > (stated?.size ?? 0)) return true;
  }
  return false;
}

/** Whether a log has what was stated of it. */
export async function hasStated(period: Period, log: StoredLog, stated: StatedHead): Promise<boolean> {
  const now = log.size < stated.size ? await asItIs(period, log) : log;
  if (now === undefined || now.size < stated.size) return false;
  const root = now.size === stated.size ? rootOf(now) : await rootAt(period, now, stated.size);
  return root !== undefined && sameHash(root, stated.root);
}

/** It may have grown since it was read, and more may have been stated of it. */
async function asItIs(period: Period, { scope, shard }: StoredLog): Promise<StoredLog | undefined> {
  return (await period.logs([scope])).find((log) => log.shard === shard);
}
