import type { AnchorRecord, CallReader, Entry } from '@sealgate/vault';

// When the next anchor is due. Anchoring is written down, too, so the log grows by each anchor: what counts is whether it has
// grown by anything else.

const hourMs = 3600_000;
const dayMs = 24 * hourMs;
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

/** Whether the log has an entry since then that is of no anchor. Outcomes count, too, of what began up to an hour before. */
export async function hasGrown(calls: Pick<CallReader, 'newest'>, sinceMs: number): Promise<boolean> {
  const recent = ({ ts }: Entry): boolean => ts >= sinceMs - marginMs;
  let left = looked;
  for await (const page of calls.newest({ sinceMs: sinceMs - hourMs })) {
    const grown = page.some(
      ({ attempt, outcome }) =>
        !ownActs.has(attempt.act ?? '') && (recent(attempt) || (outcome !== undefined && recent(outcome))),
    );
    if (grown) return true;
    left -= page.length;
    // Where all of them are of anchors, nobody knows what lies behind.
    const last = page.at(-1);
    if (left <= 0 && last !== undefined) return recent(last.attempt);
  }
  return false;
}
