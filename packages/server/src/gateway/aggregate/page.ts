import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { upstreamCursorMax } from './cursors.ts';
import { publicName } from './names.ts';

/** What the gateway knows of an upstream: its introduction, or one of its lists. */
export type Listing = 'introduction' | 'tools' | 'prompts' | 'resources' | 'resourceTemplates' | 'tasks';

/** How long anything is kept at most. */
export const keptMs = 300_000;

/** One page of an upstream's list, or its introduction, as it was given. */
export interface Page {
  /** The result itself. */
  readonly result: Values;
  readonly items: readonly Values[];
  /** The upstream's cursor for the next page. */
  readonly nextCursor: string | undefined;
  /** Whether everybody with the same authorization may be shown it; else the one person who asked. */
  readonly shared: boolean;
  readonly fetchedAtMs: number;
  /** Until when it may be shown; names are looked up in it for longer, until {@link keptMs} are over. */
  readonly shownUntilMs: number;
  /** Public names of tools and prompts to the upstream's own; `undefined` for one that two of them would have. */
  readonly names: ReadonlyMap<string, string | undefined>;
}

/** Read a result. What is not a list has no items; a cursor that is too long to pass on is none. */
export function pageOf(upstream: Upstream, listing: Listing, result: Values, atMs: number): Page {
  const listed = result[listing];
  const items = Array.isArray(listed) ? listed.filter(isValues) : [];
  const cursor = result['nextCursor'];
  const ttl = result['ttlMs'];
  return {
    result,
    items,
    nextCursor: typeof cursor === 'string' && cursor.length <= upstreamCursorMax ? cursor : undefined,
    // MCP 2026-07-28, caching: what says nothing of its scope may depend on who asked.
    shared: result['cacheScope'] === 'public',
    fetchedAtMs: atMs,
    shownUntilMs: atMs + (typeof ttl === 'number' && ttl >= 0 ? Math.min(ttl, keptMs) : keptMs),
    names: listing === 'tools' || listing === 'prompts' ? namesOf(upstream.name, items) : new Map(),
  };
}

function namesOf(upstream: string, items: readonly Values[]): ReadonlyMap<string, string | undefined> {
  const names = new Map<string, string | undefined>();
  for (const { name } of items) {
    if (typeof name !== 'string') continue;
    const called = publicName(upstream, name);
    names.set(called, names.has(called) && names.get(called) !== name ? undefined : name);
  }
  return names;
}

function isValues(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
