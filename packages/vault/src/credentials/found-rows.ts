import type { Found } from './connections.ts';

// Rows that calls have found lately, so that a busy connection is not read from the store for every call. They are kept
// as they lie in the store, the credential still sealed: nothing here is worth stealing, and each call opens its own.
// A change by this process counts at once; one by another process after five seconds.

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

/** Rows found lately. */
export interface FoundRows {
  /** `undefined` when there is none, when it is too old, or when it was read before the last of `changes`. */
  get(sought: Sought, changes: number): Found | undefined;
  /** Gives it back. @param readAtMs the moment before it was read */
  keep(sought: Sought, found: Found, readAtMs: number): Found;
}

/** @param now milliseconds since 1970 */
export function foundRows(now: () => number): FoundRows {
  const kept = new Map<string, { readonly found: Found; readonly readAtMs: number }>();
  return {
    get(sought, changes) {
      const known = kept.get(keyOf(sought));
      if (known === undefined || known.found.changes !== changes) return undefined;
      const ageMs = now() - known.readAtMs;
      // A clock that was set back makes nothing younger.
      return ageMs >= 0 && ageMs < foundLifeMs ? known.found : undefined;
    },
    keep(sought, found, readAtMs) {
      // Forgetting everything costs one read each; an order of use would cost every call.
      if (kept.size >= rowsMax) kept.clear();
      Object.freeze(found.row);
      kept.set(keyOf(sought), { found, readAtMs });
      return found;
    },
  };
}

// Lengths first, so that no two questions have the same key whatever their parts hold.
function keyOf({ tenant, subject, upstream, name }: Sought): string {
  return `${tenant.length}.${subject.length}.${upstream.length}.${tenant}${subject}${upstream}${name}`;
}
