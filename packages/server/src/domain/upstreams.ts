import { redeem, type Receipt, type Step, type Tables } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { openMirror } from './upstream-mirror.ts';
import { idOf, markedText, rowOf, type KeptUpstream, type UpstreamOrigin } from './upstream-rows.ts';
import { faultsOf } from './upstream-rules.ts';
import type { Upstream } from './upstream.ts';

export type { KeptUpstream, UpstreamOrigin } from './upstream-rows.ts';

// The upstreams of every group. All of them lie in memory, where a call looks them up, and each change is written through
// to `mcp_servers` first, together with a new head: whoever sees another head than the one it knows reads them all again.

/** Kept upstreams. Each mutation takes the receipt of its own entry, on {@link upstreamObject}. */
export interface Upstreams {
  /**
   * @param receipt of an `upstream.add`
   * @throws Refusal `upstream_invalid` with everything that is wrong, `upstream_exists`, `receipt_invalid`, `store_unavailable`
   */
  add(receipt: Receipt, tenant: string, upstream: Upstream, origin?: UpstreamOrigin): Promise<void>;
  /**
   * @param receipt of an `upstream.remove`
   * @returns whether there was one
   */
  remove(receipt: Receipt, tenant: string, name: string): Promise<boolean>;
  /** By name. */
  list(tenant: string): readonly KeptUpstream[];
  /** From memory. `undefined` when the group has none of this name. */
  find(tenant: string, name: string): Upstream | undefined;
  /** Take over what other processes have changed since. Reads one item when nothing has. @throws Refusal `store_unavailable` */
  catchUp(): Promise<void>;
  /** Called after an upstream was added, removed or changed, here or elsewhere. Returns how to stop listening. */
  onChange(listener: (tenant: string, name: string) => void): () => void;
}

/** What receipts of upstream mutations are bound to. */
export function upstreamObject(tenant: string, name: string): string {
  return `upstream:${tenant}/${name}`;
}

/** What {@link openUpstreams} stands on. */
export interface UpstreamParts {
  readonly tables: Tables;
  readonly now: () => number;
  /** A mark that only this deployment can make. Every row carries one: a description says which program is run. */
  readonly mark: (text: string) => string;
  /** Told of each row that somebody else wrote or changed. It is left out, and adding its name anew replaces it. */
  readonly foreign: (serverId: string) => void;
}

/** Read all of them and keep them in memory. */
export async function openUpstreams(parts: UpstreamParts): Promise<Upstreams> {
  const { tables, now, mark } = parts;
  const listeners = new Set<(tenant: string, name: string) => void>();
  const changed = (tenant: string, name: string): void => {
    for (const listener of listeners) listener(tenant, name);
  };
  const mirror = openMirror({ ...parts, changed });
  await mirror.catchUp();
  const { kept, distrusted } = mirror;
  return {
    catchUp: mirror.catchUp,
    async add(receipt, tenant, upstream, origin = 'admin') {
      redeem(receipt, 'upstream.add', upstreamObject(tenant, upstream.name));
      refuseFaulty(upstream);
      const one = { tenant, origin, addedAtMs: now(), upstream };
      const serverId = idOf(tenant, upstream.name);
      const row = rowOf(serverId, one);
      const item = { ...row, mark: mark(markedText(row)) };
      await mirror.change(async (newHead) => {
        const guard = distrusted.has(serverId) ? {} : ({ guard: { ifAbsent: true } } as const);
        if (!(await tables.transact([{ put: 'mcp_servers', item, ...guard }, newHead])).done)
          throw exists(upstream.name);
        distrusted.delete(serverId);
        kept.set(serverId, one);
      });
      changed(tenant, upstream.name);
    },
    async remove(receipt, tenant, name) {
      redeem(receipt, 'upstream.remove', upstreamObject(tenant, name));
      const serverId = idOf(tenant, name);
      const [removed, had] = await mirror.change(
        async (newHead) => [await drop(tables, serverId, newHead), kept.delete(serverId)] as const,
      );
      if (had) changed(tenant, name);
      return removed;
    },
    list: (tenant) =>
      [...kept.values()]
        .filter((one) => one.tenant === tenant)
        .toSorted((a, b) => (a.upstream.name < b.upstream.name ? -1 : 1)),
    find: (tenant, name) => kept.get(idOf(tenant, name))?.upstream,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

async function drop(tables: Tables, serverId: string, newHead: Step): Promise<boolean> {
  for (;;) {
    const found = await tables.get('mcp_servers', { serverId });
    if (found === undefined) return false;
    const guard = { ifRevision: found.revision };
    if ((await tables.transact([{ remove: 'mcp_servers', key: { serverId }, guard }, newHead])).done)
      return true;
  }
}

function exists(name: string): Error {
  return refuse(
    'upstream_exists',
    `there is an upstream "${name}" already; remove it first: sealgate upstreams remove ${name}`,
  );
}

/** @throws Refusal `upstream_invalid` with everything that is wrong */
export function refuseFaulty(upstream: Upstream): void {
  const faults = faultsOf(upstream);
  if (faults.length > 0)
    throw refuse('upstream_invalid', `upstream "${upstream.name}": ${faults.join('; ')}`);
}
