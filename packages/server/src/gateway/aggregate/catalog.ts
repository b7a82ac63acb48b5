import type { Caller } from '../../caller.ts';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { digestOf } from '../link/key.ts';
import { openKnownNames } from './known-names.ts';
import { keptMs, pageOf, type Listing, type Page } from './page.ts';
import type { PagesOf } from './page-epochs.ts';
import type { PagePlace, PageRecords } from './page-records.ts';
import { openShelf } from './shelf.ts';

// What upstreams list, kept for five minutes at most. A page is kept under everything it may depend on: group, upstream
// as it is defined, authorization (connection and epoch), what the client can do, and the person, unless the upstream
// said that it is public. Failures are never kept. Where several instances share what they keep, a page that this one does
// not have may be one that another has fetched.

/** What the catalog stands on. */
export interface CatalogParts {
  /** Names the credential that this person's requests to the upstream carry, and its epoch; `undefined` for none. */
  readonly authorization: (caller: Caller, upstream: Upstream) => Promise<string | undefined>;
  /** What instances share; `undefined`: this one is alone. */
  readonly shared?: PageRecords | undefined;
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

/** A name that is looked up. */
export interface Wanted {
  readonly listing: 'tools' | 'prompts';
  /** The public one. */
  readonly name: string;
  /** How long ago the list may have been fetched; five minutes when not given. */
  readonly withinMs?: number;
}

/** Kept pages. */
export interface Catalog {
  /** The kept page, or the one that `fetch` gives, which is then kept. @throws what `fetch` throws */
  page(sought: Sought, fetch: () => Promise<Values>): Promise<Page>;
  /** The upstream's own name of a tool or prompt that this person was lately shown or asked for. Without waiting for anything. */
  known(caller: Caller, upstream: Upstream, wanted: Wanted): string | undefined;
  /** The upstream cannot be asked, for this reason: whoever wants its introduction in the next five seconds is told so at once. */
  absent(caller: Caller, upstream: Upstream, error: unknown): void;
  /** Forget what an upstream of a group listed: its lists, its definition or a connection to it have changed. */
  drop(tenant: string, upstream: string): void;
}

const pagesMax = 5000;
const charactersMax = 32 * 1024 * 1024;
const absentMax = 10_000;
// A program that cannot start, or a host that swallows packets, must not cost every request its whole time limit.
const absentMs = 5000;

/** An empty catalog. */
export function openCatalog({ authorization, shared, now }: CatalogParts): Catalog {
  const pages = openShelf<Page>({ count: pagesMax, weight: charactersMax });
  const absent = openShelf<{ readonly error: unknown; readonly untilMs: number }>({
    count: absentMax,
    weight: absentMax,
  });
  const names = openKnownNames();
  const drops = openDrops((beginning) => [pages, absent, names].forEach((one) => one.dropAll(beginning)));
  shared?.onDropped((of) => (of === undefined ? drops.dropEvery() : drops.drop(beginningOf(of))));
  const remember = (sought: Sought, page: Page): Page => {
    const { variant, cursor } = sought;
    if (page.names.size > 0) names.note(personalKey(sought), JSON.stringify([variant, cursor]), page);
    return page;
  };
  const usable = (page: Page, use: Sought['use']): boolean =>
    now() < page.fetchedAtMs + keptMs &&
    (use === 'show' ? now() < page.shownUntilMs : page.fetchedAtMs >= use);
  return {
    async page(sought, fetch) {
      const { upstream, listing, use } = sought;
      const keys = keysOf(sought, await authorization(sought.caller, upstream));
      const kept = [pages.get(keys.own), pages.get(keys.common)].find((page) => page && usable(page, use));
      if (kept !== undefined) return remember(sought, kept);
      const away = listing === 'introduction' && use === 'show' ? absent.get(personalKey(sought)) : undefined;
      if (away !== undefined && now() < away.untilMs) throw away.error;
      const of = placeOf(sought);
      const beginning = beginningOf(of);
      const keep = (page: Page, { before, length }: { before: number; length: number }): Page => {
        // What changed while it was on its way may not be in it.
        if (drops.count(beginning) !== before) return page;
        drops.filled(beginning);
        pages.put(page.shared ? keys.common : keys.own, page, length);
        return remember(sought, page);
      };
      let before = drops.count(beginning);
      // Whoever wants it of the upstream itself, to have it open, shares nothing of that.
      const place = use === Infinity ? undefined : await shared?.placeOf(of);
      for (const { page, length } of place === undefined ? [] : await elsewhere(place, sought, keys))
        if (usable(page, use) && drops.count(beginning) === before) return keep(page, { before, length });
      before = drops.count(beginning);
      const result = await fetch();
      const page = pageOf(upstream, listing, result, now());
      const text = JSON.stringify(result);
      if (drops.count(beginning) === before)
        place?.put(page.shared ? keys.common : keys.own, text, page.fetchedAtMs);
      return keep(page, { before, length: text.length });
    },
    known: (caller, upstream, { listing, name, withinMs = keptMs }) =>
      names.find(personalKey({ caller, upstream, listing }), name, now() - withinMs),
    absent(caller, upstream, error) {
      const key = personalKey({ caller, upstream, listing: 'introduction' });
      absent.put(key, { error, untilMs: now() + absentMs }, 1);
      drops.filled(beginningOf(placeOf({ caller, upstream })));
    },
    drop(tenant, upstream) {
      drops.drop(beginningOf({ tenant, upstream }));
      shared?.drop({ tenant, upstream });
    },
  };
}

interface Keys {
  /** Of what this person alone may be shown. */
  readonly own: string;
  /** Of what everybody with the same authorization may be shown. */
  readonly common: string;
}

/** What another instance was given, for this person or for everybody. */
async function elsewhere(
  place: PagePlace,
  { upstream, listing }: Sought,
  { own, common }: Keys,
): Promise<readonly { readonly page: Page; readonly length: number }[]> {
  const found = await Promise.all([place.get(own), place.get(common)]);
  return found.flatMap((one, at) => {
    if (one === undefined) return [];
    const page = pageOf(upstream, listing, one.result, one.fetchedAtMs);
    return page.shared === (at === 1) ? [{ page, length: one.length }] : [];
  });
}

// An upstream may announce changes as fast as it can write: dropping what is dropped already costs nothing.
function openDrops(dropAll: (beginning: string) => void) {
  const counts = new Map<string, number>();
  const full = new Set<string>();
  let every = 0;
  return {
    count: (beginning: string) => every + (counts.get(beginning) ?? 0),
    filled: (beginning: string) => void full.add(beginning),
    drop(beginning: string): void {
      counts.set(beginning, (counts.get(beginning) ?? 0) + 1);
      if (full.delete(beginning)) dropAll(beginning);
    },
    dropEvery(): void {
      every += 1;
      for (const beginning of full) dropAll(beginning);
      full.clear();
    },
  };
}

function placeOf({ caller, upstream }: Pick<Sought, 'caller' | 'upstream'>): PagesOf {
  return { tenant: caller.tenant, upstream: upstream.name };
}

function beginningOf({ tenant, upstream }: PagesOf): string {
  return `${JSON.stringify([tenant, upstream])} `;
}

function keysOf(sought: Sought, authorization: string | undefined): Keys {
  const { caller, upstream, variant, listing, cursor } = sought;
  const rest = [digestOf(upstream), authorization ?? null, variant, listing, cursor ?? null];
  const common = `${beginningOf(placeOf(sought))}${JSON.stringify(rest)} `;
  return { common, own: `${common}${JSON.stringify(caller.subject)}` };
}

function personalKey({ caller, upstream, listing }: Pick<Sought, 'caller' | 'upstream' | 'listing'>): string {
  const { tenant, subject } = caller;
  return (
    beginningOf({ tenant, upstream: upstream.name }) + JSON.stringify([subject, digestOf(upstream), listing])
  );
}
