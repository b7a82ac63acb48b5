import type { CountedUses } from '@sealgate/vault';

/** Totals at one moment. */
export interface TotalsNow extends CountedUses {
  /** How often each credential had been opened since the opening. */
  readonly counts: ReadonlyMap<string, number>;
}

/** What was counted before the opening, and since. */
export interface UseTotals {
  now(): TotalsNow;
  /** Begin anew. @param left of what had been counted at that moment */
  begin(at: TotalsNow, left: CountedUses): void;
}

/** Go on counting. @param counted how often each credential was opened since the opening */
export function openTotals(before: CountedUses, counted: () => ReadonlyMap<string, number>): UseTotals {
  let base = before;
  let from: ReadonlyMap<string, number> = new Map();
  return {
    now() {
      const counts = counted();
      const totals = new Map(base.totals);
      for (const [object, uses] of counts) {
        const more = uses - (from.get(object) ?? 0);
        if (more > 0) totals.set(object, (totals.get(object) ?? 0) + more);
      }
      return { sinceMs: base.sinceMs, totals, counts };
    },
    begin(at, left) {
      base = left;
      from = at.counts;
    },
  };
}
