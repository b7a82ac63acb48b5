import type { Entry } from './entry.ts';
import { isOpening } from './report/access.ts';
import type { Stretch } from './stretch.ts';

/** Something that is opened, such as `connection:g1/shop#*#default`. */
export interface Openable {
  /** The object of its entries. */
  readonly object: string;
  /** In whose log they are. */
  readonly tenant: string;
}

/**
 * How often it was attempted to open things, by object. Never less than it was; of a thing whose tenant's keys were destroyed
 * there is nothing, for nobody can say. `closed`: nobody can say as long as those keys do not open.
 */
export type Openings = ReadonlyMap<string, number | 'closed'>;

/** Count them among entries. @throws Refusal whatever the entries throw */
export async function countedOpenings(
  pages: AsyncIterable<readonly Entry[]>,
  things: readonly Openable[],
  { sinceMs, untilMs }: Stretch,
): Promise<Map<string, number>> {
  const counts = new Map(things.map(({ object }) => [object, 0]));
  const tenants = new Map(things.map(({ object, tenant }) => [object, tenant]));
  for await (const page of pages)
    for (const { act, obj = '', tenant, ts } of page) {
      const isMeant = act !== undefined && isOpening(act) && ts >= sinceMs && ts < untilMs;
      if (isMeant && tenants.get(obj) === tenant) counts.set(obj, (counts.get(obj) ?? 0) + 1);
    }
  return counts;
}
