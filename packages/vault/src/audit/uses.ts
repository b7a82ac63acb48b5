import type { CallReader } from './call-reader.ts';
import type { Openable } from './openings.ts';

// A chain shows what was taken out of it, and cannot show what was never in it. Where a credential is opened it is counted, and
// the log must hold at least as many attempts on it: an attempt is durable before the credential is opened. What was compared
// need not be compared again: what is left are uses that attempts up to a settled time do not account for.

/** A credential that was opened more often than the log says. */
export interface LackingUse {
  /** The object of its entries, such as `connection:g1/shop#*#default`. */
  readonly object: string;
  readonly counted: number;
  readonly logged: number;
}

/** How often credentials were opened. */
export interface CountedUses {
  /** Of attempts from this time on, by the clock of the journal. */
  readonly sinceMs: number;
  /** By the object of the entries. */
  readonly totals: ReadonlyMap<string, number>;
}

/** What a comparison is made with. */
export interface UsesCompared {
  readonly reader: Pick<CallReader, 'openings'>;
  /** In whose log the entries of an object are. */
  readonly tenantOf: (object: string) => string;
}

/**
 * Which of these credentials the log has too few attempts on. One whose tenant's keys do not open is passed over.
 *
 * @param counted taken before this is called
 * @throws Refusal those of the reader
 */
export async function lackingUses(
  { reader, tenantOf }: UsesCompared,
  { sinceMs, totals }: CountedUses,
): Promise<readonly LackingUse[]> {
  if (totals.size === 0) return [];
  const logged = await reader.openings(openables(totals, tenantOf), { sinceMs, untilMs: Infinity });
  return [...totals].flatMap(([object, uses]) => {
    const found = logged.get(object);
    return typeof found === 'number' && found < uses ? [{ object, counted: uses, logged: found }] : [];
  });
}

/**
 * What is left to be compared of uses that were found in the log.
 *
 * @param counted as they were compared, with nothing lacking
 * @param settledMs every attempt before is in the log, and what it was made for was counted or never will be
 * @returns `undefined`: it cannot be said now, for some tenant's keys do not open
 * @throws Refusal those of the reader
 */
export async function usesLeft(
  { reader, tenantOf }: UsesCompared,
  { sinceMs, totals }: CountedUses,
  settledMs: number,
): Promise<CountedUses | undefined> {
  const logged = await reader.openings(openables(totals, tenantOf), { sinceMs, untilMs: settledMs });
  const left = new Map<string, number>();
  for (const [object, uses] of totals) {
    const settled = logged.get(object);
    if (settled === 'closed') return undefined;
    // Of one whose tenant is gone nobody can ever say anything.
    if (settled !== undefined && uses > settled) left.set(object, uses - settled);
  }
  return { sinceMs: settledMs, totals: left };
}

function openables(totals: CountedUses['totals'], tenantOf: UsesCompared['tenantOf']): readonly Openable[] {
  return [...totals.keys()].map((object) => ({ object, tenant: tenantOf(object) }));
}
