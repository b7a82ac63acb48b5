import { sameHash } from '../tlog/hash.ts';
import type { Findings } from './findings.ts';
import { byMonth } from './layout.ts';
import type { Named } from './leaves.ts';
import type { Shard } from './shard.ts';

// One log a month, and nothing lost between them: each begins by naming the state in which the one before it was left.

/** Compare the shards of every scope with their predecessors. */
export function checkSuccession(shards: readonly Shard[], findings: Findings): void {
  for (const scope of new Set(shards.map(({ name }) => name.scope))) {
    const line = shards
      .filter(({ name }) => name.scope === scope)
      .toSorted((a, b) => byMonth(a.name, b.name));
    for (const [place, shard] of line.entries()) checkBeginning(shard, line[place - 1], findings);
  }
}

function checkBeginning(shard: Shard, before: Shard | undefined, findings: Findings): void {
  const genesis = shard.genesis();
  if (genesis === undefined) return;
  const { previous, reason } = genesis;
  const left = before && leftOf(before);
  const same =
    previous === undefined || left === undefined
      ? previous === left
      : previous.origin === left.origin && previous.size === left.size && sameHash(previous.root, left.root);
  if (!same)
    findings.add({
      state: 'tampered',
      log: shard.origin,
      index: 0,
      says: 'the log does not begin where the one before it ended',
    });
  // A log that was begun anew because its store had gone back could not close the one before it any more.
  if (before?.log?.isComplete() === true && reason === 'month' && !before.closed())
    findings.add({
      state: 'tampered',
      log: before.origin,
      says: 'the log was followed by another and never closed',
    });
}

/** The state in which a shard was left: as its folder has it, or as the log over all logs says when that is more. */
function leftOf({ log, last }: Shard): Named {
  return log === undefined || log.head.size < last.size ? last : log.head;
}
