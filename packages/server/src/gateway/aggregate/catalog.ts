import type { Caller } from '../../caller.ts';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { digestOf } from '../link/key.ts';
import { keptMs, pageOf, type Listing, type Page } from './page.ts';
import type { PagesOf } from './page-epochs.ts';
import { beginningOf, openPageMemory, type PageMemory } from './page-memory.ts';
import type { PagePlace, PageRecords } from './page-records.ts';

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

// A program that cannot start, or a host that swallows packets, must not cost every request its whole time limit.
const absentMs = 5000;

/** An empty catalog. */
export function openCatalog(parts: CatalogParts): Catalog {
  const { shared, now } = parts;
  const memory = openPageMemory();
  shared?.onDropped(memory.drop);
  return {
    page: (sought, fetch) => find({ ...parts, memory }, sought, fetch),
    known: (caller, upstream, { listing, name, withinMs = keptMs }) =>
      memory.names.find(personalKey({ caller, upstream, listing }), name, now() - withinMs),
    absent(caller, upstream, error) {
      const key = personalKey({ caller, upstream, listing: 'introduction' });
      memory.absent.put(key, { error, untilMs: now() + absentMs }, 1);
      memory.filled(placeOf({ caller, upstream }));
    },
    drop(tenant, upstream) {
      memory.drop({ tenant, upstream });
      shared?.drop({ tenant, upstream });
    },
  };
}

type Means = CatalogParts & { readonly memory: PageMemory };

async function find(means: Means, sought: Sought, fetch: () => Promise<Values>): Promise<Page> {
  const { memory, shared, now } = means;
  const { upstream, listing, use } = sought;
  const keys = keysOf(sought, await means.authorization(sought.caller, upstream));
  const here = [memory.pages.get(keys.own), memory.pages.get(keys.common)];
  const kept = here.find((page) => page !== undefined && isUsable(page, use, now()));
  if (kept !== undefined) return remember(means, sought, kept);
  const away =
    listing === 'introduction' && use === 'show' ? memory.absent.get(personalKey(sought)) : undefined;
  if (away !== undefined && now() < away.untilMs) throw away.error;
  const of = placeOf(sought);
  const looked = memory.drops(of);
  // Whoever wants it of the upstream itself, to have it open, shares nothing of that.
  const place = use === Infinity ? undefined : await shared?.placeOf(of);
  for (const one of place === undefined ? [] : await elsewhere(place, sought, keys))
    if (isUsable(one.page, use, now()) && memory.drops(of) === looked) return keep(means, sought, keys, one);
  const asked = memory.drops(of);
  const result = await fetch();
  const page = pageOf(upstream, listing, result, now());
  // What changed while it was on its way may not be in it.
  if (memory.drops(of) !== asked) return page;
  const text = JSON.stringify(result);
  place?.put(page.shared ? keys.common : keys.own, text, page.fetchedAtMs);
  return keep(means, sought, keys, { page, length: text.length });
}

function isUsable(page: Page, use: Sought['use'], nowMs: number): boolean {
  if (nowMs >= page.fetchedAtMs + keptMs) return false;
  return use === 'show' ? nowMs < page.shownUntilMs : page.fetchedAtMs >= use;
}

interface Weighed {
  readonly page: Page;
  /** Characters, as JSON. */
  readonly length: number;
}

function keep(means: Means, sought: Sought, { own, common }: Keys, { page, length }: Weighed): Page {
  means.memory.filled(placeOf(sought));
  means.memory.pages.put(page.shared ? common : own, page, length);
  return remember(means, sought, page);
}

function remember({ memory }: Means, sought: Sought, page: Page): Page {
  const { variant, cursor } = sought;
  if (page.names.size > 0) memory.names.note(personalKey(sought), JSON.stringify([variant, cursor]), page);
  return page;
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
): Promise<readonly Weighed[]> {
  const found = await Promise.all([place.get(own), place.get(common)]);
  return found.flatMap((one, at) => {
    if (one === undefined) return [];
    const page = pageOf(upstream, listing, one.result, one.fetchedAtMs);
    return page.shared === (at === 1) ? [{ page, length: one.length }] : [];
  });
}

function placeOf({ caller, upstream }: Pick<Sought, 'caller' | 'upstream'>): PagesOf {
  return { tenant: caller.tenant, upstream: upstream.name };
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
