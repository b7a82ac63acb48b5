import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { everyItem, oneBehindTheOther, type Step, type Tables, type Value } from '@sealgate/vault';
import { keptOf, markedText, type KeptUpstream } from './upstream-rows.ts';

// What lies in memory of the upstreams, and how it follows the rows when several processes change them: every change is
// written with a new head, and whoever finds another head than the one it knows reads all rows again.

const headKey = { name: 'upstreams' } as const;

/** The upstreams in memory. */
export interface UpstreamMirror {
  /** By the keys of their rows. */
  readonly kept: Map<string, KeptUpstream>;
  /** Keys of rows that this deployment has not marked. */
  readonly distrusted: Set<string>;
  /** Read all rows, if there is another head. */
  catchUp(): Promise<void>;
  /** Change rows and memory, while nobody reads or changes them here. `newHead` belongs into the transaction. */
  change<T>(work: (newHead: Step) => Promise<T>): Promise<T>;
}

/** What {@link openMirror} stands on. */
export interface MirrorParts {
  readonly tables: Tables;
  readonly mark: (text: string) => string;
  readonly foreign: (serverId: string) => void;
  /** Told of everything that `catchUp` found changed. */
  readonly changed: (tenant: string, name: string) => void;
}

/** Open an empty one. */
export function openMirror({ tables, mark, foreign, changed }: MirrorParts): UpstreamMirror {
  const kept = new Map<string, KeptUpstream>();
  const distrusted = new Set<string>();
  let read = false;
  let head: Value | undefined;
  const inTurn = oneBehindTheOther();
  const judge = (serverId: string, one: KeptUpstream | undefined): void => {
    if (one !== undefined) return void distrusted.delete(serverId);
    if (!distrusted.has(serverId)) foreign(serverId);
    distrusted.add(serverId);
  };
  const readAll = async (): Promise<void> => {
    const found = new Map<string, KeptUpstream>();
    for await (const item of everyItem(tables, 'mcp_servers')) {
      const one = item['mark'] === mark(markedText(item)) ? keptOf(item) : undefined;
      judge(item.serverId, one);
      if (one !== undefined) found.set(item.serverId, one);
    }
    const before = new Map(kept);
    kept.clear();
    for (const [serverId, one] of found) kept.set(serverId, one);
    for (const serverId of new Set([...before.keys(), ...found.keys()])) {
      const [old, now] = [before.get(serverId), found.get(serverId)];
      if (isDeepStrictEqual(old, now)) continue;
      const { tenant, upstream } = now ?? (old as KeptUpstream);
      changed(tenant, upstream.name);
    }
  };
  return {
    kept,
    distrusted,
    catchUp: () =>
      inTurn(async () => {
        // Before the rows: what is written while they are read has a newer head, and is read the next time.
        const found = (await tables.get('deployment', headKey))?.item['head'];
        if (read && found === head) return;
        await readAll();
        read = true;
        head = found;
      }),
    change: (work) => inTurn(() => work({ put: 'deployment', item: { ...headKey, head: randomUUID() } })),
  };
}
