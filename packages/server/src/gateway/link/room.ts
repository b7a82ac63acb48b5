import { refuse } from '../../errors.ts';
import type { LinkLimits } from './limits.ts';
import type { Slot } from './slot.ts';

// How many links may stand. Children and HTTP conversations are counted apart, since a process costs far more than a
// session. A person's own cap comes first: nobody pushes out other people's links to make room for another of their own.

/**
 * Make room for one link more in this slot.
 *
 * @returns the slot to give up, the longest idle one; `undefined` when there is room
 * @throws Refusal `overloaded` when there is none and every link is in use
 */
export function makeRoom(slots: Iterable<Slot>, wanted: Slot, limits: LinkLimits): Slot | undefined {
  const { kind } = wanted.upstream;
  const standing = [...slots].filter((slot) => slot.upstream.kind === kind && slot.link !== undefined);
  const own = standing.filter(
    (slot) =>
      wanted.subject !== undefined && slot.tenant === wanted.tenant && slot.subject === wanted.subject,
  );
  const [max, ownMax] =
    kind === 'stdio'
      ? [limits.childrenMax, limits.childrenPerPersonMax]
      : [limits.sessionsMax, limits.sessionsPerPersonMax];
  const crowded = own.length >= ownMax ? own : standing.length >= max ? standing : undefined;
  if (crowded === undefined) return undefined;
  const [oldest] = crowded.filter(({ uses }) => uses === 0).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  if (oldest !== undefined) return oldest;
  const what = kind === 'stdio' ? 'upstream processes' : 'upstream sessions';
  const whose = crowded === own ? `${what} of this person` : what;
  throw refuse('overloaded', `too many ${whose} are in use; try again later`);
}
