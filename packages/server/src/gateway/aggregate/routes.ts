import { ProtocolError } from '@modelcontextprotocol/client';
import type { Upstream } from '../../domain/upstream.ts';
import { listMethods, pagesOf, type ListMethod } from './asking.ts';
import { upstreamOfName } from './names.ts';
import type { Page } from './page.ts';
import type { Asking, Whole } from './parts.ts';
import { matchesTemplate } from './uri-template.ts';

// Which upstream is meant? Names are looked up in what the upstream lists, so what is not listed cannot be called.
// Addresses are never rewritten: the first upstream in the row that lists one, then one with a template for it, then one
// with a tool whose page it is (MCP Apps).

/** Pages younger than this are not fetched again for a name that they do not have. */
const freshMs = 10_000;
/** How long finding the upstream of an address may take in all. */
const searchMs = 10_000;

/** A tool or prompt, found. */
export interface Routed {
  readonly upstream: Upstream;
  /** The upstream's own name for it. */
  readonly name: string;
}

/**
 * The upstream and the own name behind a public name; `undefined` when nobody lists it.
 *
 * @throws what asking the upstream throws
 */
export async function routeName(
  whole: Whole,
  list: ListMethod & { readonly listing: 'tools' | 'prompts' },
  name: string,
  asking: Asking,
): Promise<Routed | undefined> {
  const { parts, members, conversation } = whole;
  const upstream = members.find(upstreamOfName(name) ?? '');
  if (upstream === undefined) return undefined;
  const known = parts.catalog.known(conversation.caller, upstream, { listing: list.listing, name });
  if (known !== undefined) return { upstream, name: known };
  for (const use of [0, parts.now() - freshMs])
    for await (const page of pagesOf(whole, upstream, list, { ...asking, use })) {
      const own = page.names.get(name);
      if (own !== undefined) return { upstream, name: own };
    }
  return undefined;
}

/** The upstream of an address or of a template, by what upstreams list; `undefined` when no list has it. */
export async function routeUri(
  whole: Whole,
  uri: string,
  { context, signal }: Asking,
): Promise<Upstream | undefined> {
  const asking = { context, signal: AbortSignal.any([signal, AbortSignal.timeout(searchMs)]) };
  for (const [list, has] of stages) {
    const looked = whole.members
      .list()
      .map((upstream) => ({ upstream, found: lists(whole, upstream, { list, has, uri, asking }) }));
    for (const { upstream, found } of looked) if (await found) return upstream;
  }
  const claimed = whole.claims.of('uri', uri);
  return claimed === undefined ? undefined : whole.members.find(claimed);
}

type Has = (item: Page['items'][number], uri: string) => boolean;

const stages: readonly (readonly [ListMethod, Has])[] = [
  [listMethods.resources, (item, uri) => item['uri'] === uri],
  [
    listMethods.templates,
    ({ uriTemplate }, uri) =>
      typeof uriTemplate === 'string' && (uriTemplate === uri || matchesTemplate(uriTemplate, uri)),
  ],
  [listMethods.tools, (item, uri) => pageAddressesOf(item).includes(uri)],
];

interface Search {
  readonly list: ListMethod;
  readonly has: Has;
  readonly uri: string;
  readonly asking: Asking;
}

// An upstream that cannot be asked has nothing, for now.
async function lists(whole: Whole, upstream: Upstream, { list, has, uri, asking }: Search): Promise<boolean> {
  try {
    for await (const page of pagesOf(whole, upstream, list, { ...asking, use: 0 }))
      if (page.items.some((item) => has(item, uri))) return true;
  } catch (error) {
    if (!asking.signal.aborted) whole.absences.note(upstream.name, error);
  }
  return false;
}

/** `_meta.ui.resourceUri` of a tool, and its older flat form (MCP Apps, 2026-01-26). */
function pageAddressesOf(tool: Page['items'][number]): readonly unknown[] {
  const meta = tool['_meta'] as
    { readonly ui?: { readonly resourceUri?: unknown } | null } | null | undefined;
  if (typeof meta !== 'object' || meta === null) return [];
  return [meta.ui?.resourceUri, (meta as Readonly<Record<string, unknown>>)['ui/resourceUri']];
}

/** What is said of an address that nobody has. -32002 belongs to the older revisions. */
export function resourceUnknown(whole: Whole, uri: string): ProtocolError {
  return new ProtocolError(whole.conversation.era === 'modern' ? -32_602 : -32_002, 'Resource not found', {
    uri,
  });
}
