import { ProtocolError } from '@modelcontextprotocol/client';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import type { Sought } from './catalog.ts';
import { pageOf, type Listing, type Page } from './page.ts';
import type { Asking, Whole } from './parts.ts';

// How one upstream is asked for its introduction and its lists: through the catalog, and with a limit of its own.

/** A list method, and what its items are used by. */
export interface ListMethod {
  readonly method: string;
  readonly listing: Exclude<Listing, 'introduction'>;
  /** The capability without which an upstream is not asked. */
  readonly capability: string;
  /** The method that an item is used with. */
  readonly use: string;
  /** The member of an item that names it. */
  readonly nameIn: 'name' | 'uri' | 'uriTemplate' | 'taskId';
}

/** The lists there are (MCP 2026-07-28 and 2025-11-25, schema). */
export const listMethods = {
  tools: { method: 'tools/list', listing: 'tools', capability: 'tools', use: 'tools/call', nameIn: 'name' },
  prompts: {
    method: 'prompts/list',
    listing: 'prompts',
    capability: 'prompts',
    use: 'prompts/get',
    nameIn: 'name',
  },
  resources: {
    method: 'resources/list',
    listing: 'resources',
    capability: 'resources',
    use: 'resources/read',
    nameIn: 'uri',
  },
  templates: {
    method: 'resources/templates/list',
    listing: 'resourceTemplates',
    capability: 'resources',
    use: 'resources/read',
    nameIn: 'uriTemplate',
  },
  tasks: { method: 'tasks/list', listing: 'tasks', capability: 'tasks', use: 'tasks/get', nameIn: 'taskId' },
} as const satisfies Readonly<Record<string, ListMethod>>;

/** How many pages of one upstream's list are read or passed on. */
export const pagesMax = 64;

/**
 * What an upstream says of itself.
 *
 * @param use `Infinity`: ask it now, so that it is open
 */
export async function introductionOf(
  whole: Whole,
  upstream: Upstream,
  asking: Asking,
  use: Sought['use'] = 'show',
): Promise<Values> {
  const { parts, conversation, members, notices, variant } = whole;
  const sought: Sought = {
    caller: conversation.caller,
    upstream,
    variant,
    listing: 'introduction',
    cursor: undefined,
    use,
  };
  const arriving = parts.catalog.page(sought, () => members.target(upstream).introduce(asking.context));
  try {
    return (await inTime(whole, upstream, asking, () => arriving)).result;
  } catch (error) {
    if (!asking.signal.aborted) parts.catalog.absent(conversation.caller, upstream, error);
    // A program may take long to start. Whoever got a list without it is told to ask again.
    arriving.then(notices.listsChanged, () => undefined);
    throw error;
  }
}

/** Whether the upstream is there and declares a capability. */
export async function has(
  whole: Whole,
  upstream: Upstream,
  capability: string,
  asking: Asking,
): Promise<boolean> {
  try {
    return declares(await introductionOf(whole, upstream, asking), capability);
  } catch (error) {
    if (asking.signal.aborted) throw error;
    return false;
  }
}

/** `tasks` is a capability of 2025-11-25 and an extension of 2026-07-28. */
function declares(introduction: Values, capability: string): boolean {
  const { capabilities } = introduction as { readonly capabilities?: Values };
  if (capability !== 'tasks') return capabilities?.[capability] !== undefined;
  const extensions = capabilities?.['extensions'] as Values | undefined;
  return capabilities?.['tasks'] !== undefined || extensions?.['io.modelcontextprotocol/tasks'] !== undefined;
}

/** One page of an upstream's list; an empty one when it has no such list. */
export async function askPage(
  whole: Whole,
  upstream: Upstream,
  list: ListMethod,
  how: Asking & Pick<Sought, 'cursor' | 'use'>,
): Promise<Page> {
  const { parts, conversation, variant } = whole;
  const { cursor, use } = how;
  const fetch = async (signal: AbortSignal): Promise<Values> => {
    const asking = { context: how.context, signal };
    if (!declares(await introductionOf(whole, upstream, asking), list.capability)) return {};
    return askList(whole, upstream, list, { ...asking, cursor });
  };
  return inTime(whole, upstream, how, async (signal) => {
    if (list.listing === 'tasks') return pageOf(upstream, 'tasks', await fetch(signal), parts.now());
    const sought: Sought = {
      caller: conversation.caller,
      upstream,
      variant,
      listing: list.listing,
      cursor,
      use,
    };
    return parts.catalog.page(sought, () => fetch(signal));
  });
}

async function askList(
  { members }: Whole,
  upstream: Upstream,
  { method }: ListMethod,
  { context, signal, cursor }: Asking & { readonly cursor: string | undefined },
): Promise<Values> {
  const params = cursor === undefined ? undefined : { cursor };
  try {
    const asked = { context, method, params, bytes: undefined, signal, onProgress: undefined };
    const result = await members.target(upstream).request(asked);
    return typeof result === 'object' && result !== null ? (result as Values) : {};
  } catch (error) {
    // Some declare resources and know no templates.
    if (error instanceof ProtocolError && error.code === -32_601) return {};
    throw error;
  }
}

/** All pages of an upstream's list, as far as they are listed. */
export async function* pagesOf(
  whole: Whole,
  upstream: Upstream,
  list: ListMethod,
  how: Asking & Pick<Sought, 'use'>,
): AsyncGenerator<Page> {
  let cursor: string | undefined;
  for (let read = 0; read < pagesMax; read++) {
    const page = await askPage(whole, upstream, list, { ...how, cursor });
    yield page;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

async function inTime<T>(
  { parts: { listTimeoutMs } }: Whole,
  { name }: Upstream,
  { signal }: Asking,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (error: unknown): void => (ended.reject(error), stop.abort(error));
  const onAbort = (): void => end(new DOMException('the request was cancelled', 'AbortError'));
  const timer = setTimeout(
    () => end(refuse('upstream_timeout', `upstream "${name}" did not answer in time`)),
    listTimeoutMs,
  );
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([ended.promise, work(stop.signal)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}
