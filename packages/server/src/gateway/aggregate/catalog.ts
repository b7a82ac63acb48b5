import { hash } from 'node:crypto';
import type { Caller } from '../../caller.ts';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { keptMs, pageOf, type Listing, type Page } from './page.ts';
import { openShelf } from './shelf.ts';

// What upstreams list, kept for five minutes at most. A page is kept under everything it may depend on: group, upstream
// as it is defined, authorization (connection and epoch), what the client can do, and the person, unless the upstream
// said that it is public. Failures are never kept.

/** What the catalog stands on. */
export interface CatalogParts {
  /** Names the credential that this person's requests to the upstream carry, and its epoch; `undefined` for none. */
  readonly authorization: (caller: Caller, upstream: Upstream) => Promise<string | undefined>;
  readonly now: () => number;
}

/** One page that is wanted. */
export interface Sought {
  readonly caller: Caller;
  readonly upstream: Upstream;
  /** What else an answer may depend on: the client's era and capabilities. */
  readonly variant: string;
  readonly listing: Listing;
  readonly cursor: string | undefined;
  /** `show`: fresh enough to be shown. A number: to look a name up, and fetched after this instant. */
  readonly use: 'show' | number;
}

/** Kept pages. */
export interface Catalog {
  /** The kept page, or the one that `fetch` gives, which is then kept. @throws what `fetch` throws */
  page(sought: Sought, fetch: () => Promise<Values>): Promise<Page>;
  /** The upstream's own name of a tool or prompt that this person was lately shown or asked for. Without waiting for anything. */
  known(caller: Caller, upstream: Upstream, listing: 'tools' | 'prompts', name: string): string | undefined;
  /** Forget what an upstream of a group listed: its lists, its definition or a connection to it have changed. */
  drop(tenant: string, upstream: string): void;
}

const pagesMax = 5000;
const charactersMax = 32 * 1024 * 1024;
const cursorsMax = 64;

/** An empty catalog. */
export function openCatalog({ authorization, now }: CatalogParts): Catalog {
  const pages = openShelf<Page>({ count: pagesMax, weight: charactersMax });
  // The pages of one person's list, by variant and cursor.
  const seen = openShelf<Map<string, Page>>({ count: pagesMax, weight: pagesMax });
  const drops = new Map<string, number>();
  const remember = (sought: Sought, page: Page): Page => {
    const key = personalKey(sought.caller, sought.upstream, sought.listing);
    const own = seen.get(key) ?? new Map<string, Page>();
    const place = JSON.stringify([sought.variant, sought.cursor]);
    own.delete(place);
    own.set(place, page);
    if (own.size > cursorsMax) own.delete(own.keys().next().value!);
    seen.put(key, own, 1);
    return page;
  };
  const usable = (page: Page, use: Sought['use']): boolean =>
    now() < page.fetchedAtMs + keptMs &&
    (use === 'show' ? now() < page.shownUntilMs : page.fetchedAtMs >= use);
  return {
    async page(sought, fetch) {
      const { caller, upstream, listing } = sought;
      const context = await authorization(caller, upstream);
      const common = sharedKey(sought, context);
      const own = `${common}${JSON.stringify(caller.subject)}`;
      const kept = [pages.get(own), pages.get(common)].find(
        (page) => page !== undefined && usable(page, sought.use),
      );
      if (kept !== undefined) return remember(sought, kept);
      const beginning = beginningOf(caller.tenant, upstream.name);
      const dropsBefore = drops.get(beginning);
      const result = await fetch();
      const page = pageOf(upstream, listing, result, now());
      // What changed while it was on its way may not be in it.
      if (drops.get(beginning) !== dropsBefore) return page;
      pages.put(page.shared ? common : own, page, JSON.stringify(result).length);
      return remember(sought, page);
    },
    known(caller, upstream, listing, name) {
      for (const page of seen.get(personalKey(caller, upstream, listing))?.values() ?? [])
        if (usable(page, 0) && page.names.has(name)) return page.names.get(name);
      return undefined;
    },
    drop(tenant, upstream) {
      const beginning = beginningOf(tenant, upstream);
      drops.set(beginning, (drops.get(beginning) ?? 0) + 1);
      pages.dropAll(beginning);
      seen.dropAll(beginning);
    },
  };
}

function beginningOf(tenant: string, upstream: string): string {
  return `${JSON.stringify([tenant, upstream])} `;
}

function sharedKey(
  { caller, upstream, variant, listing, cursor }: Sought,
  authorization: string | undefined,
): string {
  const rest = [digestOf(upstream), authorization ?? null, variant, listing, cursor ?? null];
  return `${beginningOf(caller.tenant, upstream.name)}${JSON.stringify(rest)} `;
}

function personalKey({ tenant, subject }: Caller, upstream: Upstream, listing: Listing): string {
  return beginningOf(tenant, upstream.name) + JSON.stringify([subject, digestOf(upstream), listing]);
}

const digests = new WeakMap<Upstream, string>();

/** A name for an upstream as it is defined now. */
export function digestOf(upstream: Upstream): string {
  const known = digests.get(upstream);
  if (known !== undefined) return known;
  const digest = hash('sha256', JSON.stringify(upstream), 'base64url');
  digests.set(upstream, digest);
  return digest;
}
