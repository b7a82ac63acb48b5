import { redeem, type ItemOf, type Receipt, type Tables, type Value } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { faultsOf } from './upstream-rules.ts';
import type { Upstream } from './upstream.ts';

// The upstreams of every group. One process writes them, so all of them lie in memory, where a call looks them up, and
// each change is written through to `mcp_servers` first.

/** Where an upstream was written down. `file`: it follows the servers file; `admin`: it was added by hand. */
export type UpstreamOrigin = 'admin' | 'file';

/** An upstream as it is kept. */
export interface KeptUpstream {
  readonly tenant: string;
  readonly origin: UpstreamOrigin;
  readonly addedAtMs: number;
  readonly upstream: Upstream;
}

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
  /** Called after an upstream was added or removed. Returns how to stop listening. */
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
export async function openUpstreams({ tables, now, mark, foreign }: UpstreamParts): Promise<Upstreams> {
  const kept = new Map<string, KeptUpstream>();
  const distrusted = new Set<string>();
  for await (const item of everything(tables)) {
    if (item['mark'] === mark(markedText(item))) kept.set(item.serverId, keptOf(item));
    else distrusted.add(item.serverId);
  }
  distrusted.forEach(foreign);
  const listeners = new Set<(tenant: string, name: string) => void>();
  const changed = (tenant: string, name: string): void => {
    for (const listener of listeners) listener(tenant, name);
  };
  return {
    async add(receipt, tenant, upstream, origin = 'admin') {
      redeem(receipt, 'upstream.add', upstreamObject(tenant, upstream.name));
      refuseFaulty(upstream);
      const one = { tenant, origin, addedAtMs: now(), upstream };
      const serverId = idOf(tenant, upstream.name);
      const row = rowOf(serverId, one);
      const guard = distrusted.has(serverId) ? undefined : ({ ifAbsent: true } as const);
      const revision = await tables.put('mcp_servers', { ...row, mark: mark(markedText(row)) }, guard);
      if (revision === undefined)
        throw refuse(
          'upstream_exists',
          `there is an upstream "${upstream.name}" already; remove it first: sealgate upstreams remove ${upstream.name}`,
        );
      distrusted.delete(serverId);
      kept.set(serverId, one);
      changed(tenant, upstream.name);
    },
    async remove(receipt, tenant, name) {
      redeem(receipt, 'upstream.remove', upstreamObject(tenant, name));
      const serverId = idOf(tenant, name);
      const removed = await tables.remove('mcp_servers', { serverId });
      if (kept.delete(serverId)) changed(tenant, name);
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

/** @throws Refusal `upstream_invalid` with everything that is wrong */
export function refuseFaulty(upstream: Upstream): void {
  const faults = faultsOf(upstream);
  if (faults.length > 0)
    throw refuse('upstream_invalid', `upstream "${upstream.name}": ${faults.join('; ')}`);
}

// A group's id has no slash, an upstream's name neither.
function idOf(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}

function rowOf(
  serverId: string,
  { tenant, origin, addedAtMs, upstream }: KeptUpstream,
): ItemOf<'mcp_servers'> {
  // Through JSON: what is `undefined` is left out, as the store wants it.
  const definition = JSON.parse(JSON.stringify(upstream)) as { readonly [name: string]: Value };
  return { serverId, groupId: tenant, name: upstream.name, origin, addedAtMs, definition };
}

// The same text whatever order a store gives attributes back in.
function markedText({ mark: _, ...item }: ItemOf<'mcp_servers'>): string {
  return JSON.stringify(item, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

function keptOf(item: ItemOf<'mcp_servers'>): KeptUpstream {
  const definition = item['definition'] as unknown as Upstream;
  const upstream: Upstream =
    definition.kind === 'http'
      ? { ...definition, credential: definition.credential }
      : { ...definition, cwd: definition.cwd, credential: definition.credential };
  return {
    tenant: item['groupId'] as string,
    origin: item['origin'] as UpstreamOrigin,
    addedAtMs: item['addedAtMs'] as number,
    upstream,
  };
}

async function* everything(tables: Tables): AsyncGenerator<ItemOf<'mcp_servers'>> {
  let cursor: string | undefined;
  do {
    const page = await tables.scan('mcp_servers', {
      limit: 500,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { item } of page.items) yield item;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
