import type { Sealer } from '../../keys/sealer.ts';
import type { Entry } from '../entry.ts';
import { openHeld } from './held-lines.ts';
import { monthOf } from './names.ts';
import type { Timed } from './merge-in-time.ts';
import type { Seams } from './seams.ts';
import type { IndexRow, Period, SealedThrough, Segments, StoredLog } from './segments.ts';

// What is sealed at one moment. What is sealed after it is read from the journals, in which it stays for a while. How far each
// journal is sealed is asked first, so nothing is missing between the two; what is there twice is told by its id.

/** A log as it was at that moment. */
export interface ViewedLog {
  readonly period: Period;
  readonly log: StoredLog;
}

/** A row of a log. */
export interface PlacedRow extends ViewedLog, Timed {
  readonly row: IndexRow;
}

/** The sealed log at one moment. */
export interface LogView {
  /** How much of each journal was sealed. */
  readonly seams: Seams;
  /** Whether something that lies behind the seams, or waits, may stand in the logs as well. */
  readonly overlaps: boolean;
  /** The oldest month first. */
  readonly logs: readonly ViewedLog[];
  /** Entries that lie neither there nor in the journal: they wait for their tenants' keys. The oldest first. */
  readonly held: readonly Entry[];
}

/** What a view is taken of. */
export interface ViewParts {
  readonly segments: Segments;
  readonly sealer: Pick<Sealer, 'open'>;
  /** How much of the journals that are there is sealed. @param sealed as the newest period says */
  readonly seams: (sealed: readonly SealedThrough[]) => Promise<Seams>;
}

/** Looks until nothing was sealed meanwhile. After so many one is as good as another, and dated as it was before. */
const looksMax = 5;
const linesMax = 1_000_000_000;

/**
 * Look at the log now.
 *
 * @param scope a tenant; `undefined` for all
 * @param sinceMs months that end before are left out
 * @throws Refusal `store_unavailable`, `key_unavailable`
 */
export async function viewLog(parts: ViewParts, scope: string | undefined, sinceMs = 0): Promise<LogView> {
  const from = monthOf(Math.max(0, sinceMs));
  for (let looks = 1; ; looks += 1) {
    const names = await parts.segments.periods();
    const last = names.at(-1);
    if (last === undefined) return { seams: new Map(), overlaps: false, logs: [], held: [] };
    const newest = await parts.segments.period(last);
    const sealed = await newest.throughs();
    const seams = await parts.seams(sealed);
    // In this order: a line that is released meanwhile is seen twice, and told by its id.
    const held = await heldEntries(parts, newest, scope);
    const wanted = names.filter((name) => name >= from);
    const logs = await logsOf(await Promise.all(wanted.map((name) => parts.segments.period(name))), scope);
    const moved = !isSame(sealed, await newest.throughs());
    if (moved && looks < looksMax) continue;
    const turnedBack = [...seams.values()].some(({ entry }) => entry === 0);
    return { seams, overlaps: moved || turnedBack || held.length > 0, logs, held };
  }
}

/** Whether nothing was sealed in between. */
export function isSame(before: readonly SealedThrough[], after: readonly SealedThrough[]): boolean {
  const entries = new Map(before.map(({ writer, entry }) => [writer, entry]));
  return after.every(({ writer, entry }) => entries.get(writer) === entry);
}

async function logsOf(periods: readonly Period[], scope: string | undefined): Promise<readonly ViewedLog[]> {
  const logs: ViewedLog[] = [];
  for (const period of periods)
    for (const log of await period.logs(scope === undefined ? undefined : [scope]))
      logs.push({ period, log });
  return logs;
}

async function heldEntries(
  { sealer }: ViewParts,
  period: Period,
  scope: string | undefined,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for (const each of await period.heldScopes())
    if (scope === undefined || scope === each)
      for (const line of await period.held(each, linesMax))
        entries.push((await openHeld(sealer, line)).entry);
  return entries.toSorted((a, b) => a.ts - b.ts || (a.id < b.id ? -1 : 1));
}
