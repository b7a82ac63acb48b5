import type { AnchorRecord, Journal } from '@sealgate/vault';

// When the next anchor is due. Anchoring is written down, too, so the log grows by each anchor: what counts is whether it has
// grown by anything else.

const dayMs = 24 * 3600_000;
const looked = 200;
/** An entry gets its time a little before it is in the journal. */
const marginMs = 60_000;
const firstPauseMs = 15_000;
const pauseMsMax = 3600_000;
const ownActs: ReadonlySet<string> = new Set(['audit.anchor', 'audit.unanchored']);

/**
 * Whether a place is to be given the checkpoint now.
 *
 * @param last what was anchored there last; `undefined`: nothing
 * @param grown whether the log has grown by more than anchors since
 */
export async function isDue(
  last: Pick<AnchorRecord, 'atMs'> | undefined,
  intervalMs: number,
  nowMs: number,
  grown: (sinceMs: number) => Promise<boolean>,
): Promise<boolean> {
  // A clock that was ahead once must not keep anchors away until its time has come.
  if (last === undefined || last.atMs > nowMs) return true;
  const ageMs = nowMs - last.atMs;
  if (ageMs < intervalMs) return false;
  return ageMs >= dayMs || grown(last.atMs);
}

/** How long a place is left alone after so many failures in a row; never longer than the interval. */
export function pauseMs(failures: number, intervalMs: number): number {
  return Math.min(firstPauseMs * 2 ** Math.min(failures - 1, 20), intervalMs, pauseMsMax);
}

/** Whether the journal has an entry since then that is of no anchor. */
export async function hasGrown(journal: Pick<Journal, 'page'>, sinceMs: number): Promise<boolean> {
  const { entries } = await journal.page({ order: 'newest', limit: looked });
  const own = new Set(entries.filter(({ act }) => ownActs.has(act ?? '')).map(({ id }) => id));
  const recent = entries.filter(({ ts }) => ts >= sinceMs - marginMs);
  const foreign = recent.some(({ id, cause }) => !own.has(id) && !(cause !== undefined && own.has(cause)));
  // Where all of them are of anchors, nobody knows what lies behind.
  return foreign || recent.length === looked;
}
