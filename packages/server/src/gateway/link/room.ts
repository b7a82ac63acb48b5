import { refuse } from '../../errors.ts';
import type { LinkLimits } from './limits.ts';
import { isUnused, type Slot } from './slot.ts';

// How many links may stand. Children and HTTP conversations are counted apart, since a process costs far more than a
// session. A person's own cap comes first: nobody pushes out other people's links to make room for another of their own.
// Clients seldom end their sessions, they just open another: of a person's own links even one that a conversation is led to
// makes room when it is quiet. That conversation gets a fresh link with its next request, as after a crash.

/**
 * Make room for one link more in this slot.
 *
 * @returns the slot to give up, the one longest unused; `undefined` when there is room
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
  const quiet = own.filter(({ requests }) => requests === 0);
  const oldest = oldestOf(crowded.filter(isUnused)) ?? oldestOf(quiet);
  if (oldest !== undefined) return oldest;
  const what = kind === 'stdio' ? 'upstream processes' : 'upstream sessions';
  const whose = crowded === own ? `${what} of this person` : what;
  throw refuse('overloaded', `too many ${whose} are in use; try again later`);
}

function oldestOf(slots: readonly Slot[]): Slot | undefined {
  return slots.toSorted((a, b) => a.lastUsedMs - b.lastUsedMs)[0];
}
