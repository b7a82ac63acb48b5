import type { ItemOf, Value } from '@sealgate/vault';
import type { Upstream } from './upstream.ts';

// Upstreams as rows of `mcp_servers`: serverId = group/name · groupId · name · origin · addedAtMs · definition · mark.

/** Where an upstream was written down. `file`: it follows the servers file; `admin`: it was added by hand. */
export type UpstreamOrigin = 'admin' | 'file';

/** An upstream as it is kept. */
export interface KeptUpstream {
  readonly tenant: string;
  readonly origin: UpstreamOrigin;
  readonly addedAtMs: number;
  readonly upstream: Upstream;
}

/** The key of a row: a group's id has no slash, an upstream's name neither. */
export function idOf(tenant: string, name: string): string {
  return `${tenant}/${name}`;
}

/** A row, without its mark. */
export function rowOf(
  serverId: string,
  { tenant, origin, addedAtMs, upstream }: KeptUpstream,
): ItemOf<'mcp_servers'> {
  // Through JSON: what is `undefined` is left out, as the store wants it.
  const definition = JSON.parse(JSON.stringify(upstream)) as { readonly [name: string]: Value };
  return { serverId, groupId: tenant, name: upstream.name, origin, addedAtMs, definition };
}

/** What a mark is made of: the same text whatever order a store gives attributes back in. */
export function markedText({ mark: _, ...item }: ItemOf<'mcp_servers'>): string {
  return JSON.stringify(item, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** What a row says. */
export function keptOf(item: ItemOf<'mcp_servers'>): KeptUpstream {
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
