import { tileWidth } from '../tlog/tile-paths.ts';
import { checkBodies } from './bodies.ts';
import { isClose, readGenesis, type Genesis, type Named } from './leaves.ts';
import { shardFolder, type ShardName } from './layout.ts';
import type { Numbers } from './numbers.ts';
import { openLog, type ExaminedLog, type LogParts } from './open-log.ts';

// The log of one tenant and month, as the log over all logs names it.

/** A shard under examination. */
export interface Shard {
  readonly name: ShardName;
  readonly origin: string;
  /** `undefined` when its checkpoint is missing or does not hold. */
  readonly log: ExaminedLog | undefined;
  /** What the log over all logs said of it last. */
  last: Named;
  /** How it begins; `undefined` until that was read, or when it could not be. */
  genesis(): Genesis | undefined;
  /** Whether its last entry closes it. */
  closed(): boolean;
  /** Bodies that were disclosed. */
  bodies(): number;
}

/** Open the shard that was named. @param parts.numbers told of its entries */
export async function openShard(
  name: ShardName,
  named: Named,
  { numbers, ...parts }: Omit<LogParts, 'folder' | 'origin' | 'onBundle'> & { readonly numbers?: Numbers },
): Promise<Shard> {
  const folder = shardFolder(name);
  let genesis: Genesis | undefined;
  let closedAt: number | undefined;
  let bodies = 0;
  const log = await openLog({
    ...parts,
    folder,
    origin: named.origin,
    async onBundle({ see, head }, index, entries) {
      if (entries === undefined) return;
      if (numbers !== undefined) entries.forEach(numbers.see);
      if (index === 0) genesis = beginning(entries, see);
      const closing = entries.findIndex(isClose);
      if (closing !== -1) {
        closedAt = index * tileWidth + closing;
        if (closedAt !== head.size - 1)
          see({ state: 'tampered', index: closedAt, says: 'the log goes on after it was closed' });
      }
      bodies += await checkBodies({ source: parts.source, folder, index, entries, see });
    },
  });
  return {
    name,
    origin: named.origin,
    log,
    last: named,
    genesis: () => genesis,
    closed: () => closedAt !== undefined,
    bodies: () => bodies,
  };
}

function beginning(entries: readonly Uint8Array[], see: ExaminedLog['see']): Genesis | undefined {
  const genesis = entries[0] && readGenesis(entries[0]);
  if (genesis === undefined)
    see({ state: 'tampered', index: 0, says: 'the log does not begin by naming the one before it' });
  return genesis;
}
