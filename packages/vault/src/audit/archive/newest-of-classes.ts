import { retentionClasses, retentionOf, keptUntilMs, type RetentionClass } from './retention.ts';

/** When the newest entry of each class was written, in milliseconds since 1970. A class without an entry is not there. */
export type NewestOfClasses = Readonly<Partial<Record<RetentionClass, number>>>;

/** Looks through the leaves of one log, in their order. */
export interface ClassLook {
  see(leaf: string): void;
  newest(): NewestOfClasses;
}

/**
 * Look which classes of retention a log has. An outcome is of its attempt's class; one whose attempt stands in an earlier
 * log counts as `extended`, since nothing may be kept for a shorter time than was promised.
 */
export function lookForClasses(): ClassLook {
  const newest: Partial<Record<RetentionClass, number>> = {};
  const underWay = new Map<string, RetentionClass>();
  return {
    see(leaf) {
      const { act, cause, id, ts } = JSON.parse(leaf) as Readonly<Record<string, unknown>>;
      // The first and the last leaf are no entries.
      if (typeof id !== 'string' || typeof ts !== 'number') return;
      const of = typeof act === 'string' ? retentionOf(act) : (underWay.get(String(cause)) ?? 'extended');
      if (typeof act === 'string') underWay.set(id, of);
      else underWay.delete(String(cause));
      newest[of] = Math.max(newest[of] ?? 0, ts);
    },
    newest: () => ({ ...newest }),
  };
}

/** Until when a log is kept: until the class in it that is kept longest has passed. 0 for a log without entries. */
export function logKeptUntilMs(newest: NewestOfClasses): number {
  const untils = retentionClasses.map((of) => (newest[of] === undefined ? 0 : keptUntilMs(of, newest[of])));
  return Math.max(...untils);
}
