import type { Entry } from '../entry.ts';
import { isCredential, isOpening, openFailures } from '../report/access.ts';

// What reports look for, as bits of a call's row in the index, so that they need not open what they do not show. Bits that hang
// on the outcome are set until it rules them out: a row that has one of them may be meant, one that lacks it cannot be.

/** The bits. */
export const callFlags = {
  /** Outside of business hours on the tenant's clock, or nobody looked. */
  hours: 1,
  /** A row of an attempt. */
  attempt: 2,
  /** The object is a credential or a token. */
  credential: 4,
  /** The object is a token. */
  token: 8,
  /** The act opens what it is done to. */
  opening: 16,
  /** An access, as reports mean it; until it ended, it may be one. */
  access: 32,
  /** Something was to be opened and was not; until it ended, it may be so. */
  unopened: 64,
  /** Not ended, or not with success alone. */
  unsuccessful: 128,
} as const;

const untilEnded = callFlags.access | callFlags.unopened | callFlags.unsuccessful;

/** Flags of an attempt that has not ended. */
export function attemptFlags({ act = '', obj = '', flags }: Entry): number {
  const { hours, attempt, credential, token, opening } = callFlags;
  return (
    attempt |
    untilEnded |
    (flags?.includes('hours') === false ? 0 : hours) |
    (isCredential(obj) ? credential : 0) |
    (obj.startsWith('token:') ? token : 0) |
    (isOpening(act) ? opening : 0)
  );
}

/** Flags of the attempt once it has ended so. */
export function endedFlags(flags: number, { out, code }: Pick<Entry, 'out' | 'code'>): number {
  const { credential, opening, access, unopened, unsuccessful } = callFlags;
  const isAccess = (flags & credential) !== 0 || code === 'credential_missing';
  const failed = isAccess && (flags & opening) !== 0 && code !== undefined && openFailures.has(code);
  const known = flags & ~untilEnded;
  const good = out === 'success' && code === undefined;
  return known | (isAccess ? access : 0) | (failed ? unopened : 0) | (good ? 0 : unsuccessful);
}
