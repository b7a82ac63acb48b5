import { ProtocolError } from '@modelcontextprotocol/client';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Relayed, Values } from '../front/target.ts';
import { partialKey, type Absence } from './absences.ts';
import { askPage, pagesMax, type ListMethod } from './asking.ts';
import { giveCursor, invalid, takeCursor, type Resting } from './cursors.ts';
import { publicName } from './names.ts';
import type { Page } from './page.ts';
import type { Whole } from './parts.ts';
import { mayUse } from './permission.ts';

// One list out of many: our own tools, then each upstream by name, each in its own order. Upstreams are asked at the same
// time; a page ends where an upstream's own page ends, or when it is long enough. One that never ends its list is left
// after 64 pages, so that it hides nobody.

const itemsMax = 1000;
// A client of 2026-07-28 may hear of no change, so it asks again after a minute.
const shownMsMax = 60_000;

interface Gathered {
  readonly items: Values[];
  readonly pages: Page[];
  readonly absent: Absence[];
  next: Resting | undefined;
}

/**
 * Answer a list method.
 *
 * @throws ProtocolError -32602 for a cursor that was not given to this person for this list; an `AbortError`
 */
export async function listAll(whole: Whole, list: ListMethod, relayed: Relayed): Promise<Values> {
  const { conversation, members, parts } = whole;
  const { method } = list;
  const listed = { caller: conversation.caller, method };
  const cursor = relayed.params?.['cursor'];
  const from = cursor === undefined ? undefined : takeCursor(parts.sealer, listed, cursor);
  const row = members.list().filter(({ name }) => from === undefined || name >= from.upstream);
  const asked = row.map((upstream) => {
    const own = from?.upstream === upstream.name ? from.cursor : undefined;
    const page = askPage(whole, upstream, list, { ...relayed, cursor: own, use: 'show' });
    page.catch(() => undefined);
    return { upstream, page };
  });
  const gathered: Gathered = { items: [], pages: [], absent: [], next: undefined };
  if (from === undefined && list.listing === 'tools')
    gathered.items.push(...parts.own.list(conversation.caller));
  for (const [at, { upstream, page }] of asked.entries()) {
    const before = from?.upstream === upstream.name ? from : undefined;
    await gather(whole, list, { upstream, page, before, signal: relayed.signal }, gathered);
    const after = row[at + 1];
    if (gathered.next === undefined && after !== undefined && gathered.items.length >= itemsMax)
      gathered.next = { upstream: after.name, cursor: undefined, pages: 0 };
    if (gathered.next !== undefined) break;
  }
  const { next, absent } = gathered;
  return {
    [list.listing]: gathered.items,
    ...(next === undefined ? {} : { nextCursor: giveCursor(parts.sealer, listed, next) }),
    ...(conversation.era === 'modern' ? hintsOf(whole, gathered) : {}),
    ...(absent.length === 0 ? {} : { _meta: { [partialKey]: absent } }),
  };
}

interface Step {
  readonly upstream: Upstream;
  readonly page: Promise<Page>;
  readonly before: Resting | undefined;
  readonly signal: AbortSignal;
}

async function gather(whole: Whole, list: ListMethod, step: Step, into: Gathered): Promise<void> {
  const { upstream, before } = step;
  const { name } = upstream;
  try {
    const page = await step.page;
    whole.absences.back(name);
    into.pages.push(page);
    into.items.push(...itemsOf(whole, list, { upstream, page }, into.items));
    if (page.nextCursor === undefined) return;
    const pages = (before?.pages ?? 0) + 1;
    if (pages < pagesMax) into.next = { upstream: name, cursor: page.nextCursor, pages };
    else throw refuse('upstream_unavailable', `upstream "${name}" lists more than ${pagesMax} pages`);
  } catch (error) {
    if (step.signal.aborted) throw error;
    const ours = before?.cursor !== undefined;
    if (ours && error instanceof ProtocolError && error.code === -32_602) throw invalid();
    into.absent.push(whole.absences.note(name, error));
  }
}

function* itemsOf(
  { parts: { allow, own }, conversation: { caller }, claims }: Whole,
  { method, listing, use, nameIn }: ListMethod,
  { upstream, page }: { readonly upstream: Upstream; readonly page: Page },
  before: readonly Values[],
): Generator<Values> {
  const taken = new Set(before.map((item) => item[nameIn]));
  if (listing === 'tools') for (const tool of own.list(caller)) taken.add(tool['name']);
  for (const item of page.items) {
    const name = item[nameIn];
    if (typeof name !== 'string' || !mayUse(allow, caller, { upstream, method: use, name }).allowed) continue;
    const named = listing === 'tools' || listing === 'prompts';
    const called = named ? publicName(upstream.name, name) : name;
    // What two would be called by is no name, and of two that have one address the first in the row is reached.
    if (taken.has(called) || (named && page.names.get(called) !== name)) continue;
    taken.add(called);
    if (method === 'tasks/list') claims.claim('task', name, upstream.name);
    yield named ? { ...item, name: called } : item;
  }
}

// MCP 2026-07-28, caching. What a person may see is nobody else's, and half a list is worth nothing later.
function hintsOf({ parts: { now } }: Whole, { pages, absent }: Gathered): Values {
  const left = pages.map(({ shownUntilMs }) => Math.max(0, shownUntilMs - now()));
  return { ttlMs: absent.length > 0 ? 0 : Math.min(shownMsMax, ...left), cacheScope: 'private' };
}
