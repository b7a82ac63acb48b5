import { freezeThrough } from '../keys/sealed-values.ts';
import type { ItemOf } from '../store/tables.ts';

// What calls have found lately, so that a busy connection is not read from the store for every call. Rows are kept as
// they lie in the store, the credential still sealed: nothing here is worth stealing, and each call opens its own. That
// there is none is kept as well. A change by this process counts at once; one by another process when it is heard of, and
// after five seconds at the latest.

/** A row as it lies in the store, its credential still sealed. */
export type ConnectionRow = ItemOf<'connections'>;

/** A row that was found. */
export interface Found {
  readonly row: ConnectionRow;
  /** How many changes this process had made or heard of before it was read. */
  readonly changes: number;
}

/** How long a row is taken as it was read. */
export const foundLifeMs = 5_000;
const rowsMax = 4096;

/** What a row was asked for by. */
export interface Sought {
  readonly tenant: string;
  readonly subject: string;
  readonly upstream: string;
  readonly name: string;
}

/** One answer of the store. */
export interface Look {
  /** `undefined`: there was no such row. */
  readonly found: Found | undefined;
  /** How many changes this process had made or heard of before it looked. */
  readonly changes: number;
  /** The moment before it looked. */
  readonly atMs: number;
}

/** Answers of the store that still hold. */
export interface FoundRows {
  /** `undefined` when nobody has asked, too long ago, or before the last of `changes`. */
  get(sought: Sought, changes: number): Look | undefined;
  keep(sought: Sought, look: Look): void;
}

/** @param now milliseconds since 1970 */
export function foundRows(now: () => number): FoundRows {
  const kept = new Map<string, Look>();
  return {
    get(sought, changes) {
      const known = kept.get(keyOf(sought));
      if (known === undefined || known.changes !== changes) return undefined;
      const ageMs = now() - known.atMs;
      // A clock that was set back makes nothing younger.
      return ageMs >= 0 && ageMs < foundLifeMs ? known : undefined;
    },
    keep(sought, look) {
      // Forgetting everything costs one read each; an order of use would cost every call.
      if (kept.size >= rowsMax) kept.clear();
      if (look.found !== undefined) freezeThrough(look.found.row);
      kept.set(keyOf(sought), look);
    },
  };
}

// Lengths first, so that no two questions have the same key whatever their parts hold.
function keyOf({ tenant, subject, upstream, name }: Sought): string {
  return `${tenant.length}.${subject.length}.${upstream.length}.${tenant}${subject}${upstream}${name}`;
}
