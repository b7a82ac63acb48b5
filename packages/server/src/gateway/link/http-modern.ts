import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError } from '@modelcontextprotocol/client';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { enveloped, mirrored } from './envelope.ts';
import { openCalls, type Calls, type Waiting } from './http-calls.ts';
import { exchange } from './http-wire.ts';
import type { HttpLinkParts } from './http-parts.ts';
import type { Link, Sending } from './link.ts';
import { openParamHeaders, type ParamHeaders } from './param-headers.ts';

// The link to an HTTP upstream of 2026-07-28: every request stands alone. What lives is only what it announces, over
// subscriptions.

const headerMismatch = -32020;

interface State {
  readonly parts: HttpLinkParts;
  readonly calls: Calls;
  readonly paramHeaders: ParamHeaders;
  readonly life: AbortController;
}

/**
 * Ask what the upstream is, and follow the lists that it declares as changing.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`
 */
export async function openModernLink(parts: HttpLinkParts): Promise<Link> {
  const state: State = {
    parts,
    // A client of this era answers by asking again, and gives up by closing the stream.
    calls: openCalls({ ...parts, post: async () => undefined, onGivenUp: async () => undefined }),
    paramHeaders: openParamHeaders(),
    life: new AbortController(),
  };
  const timeoutMs = parts.limits.startSeconds * 1000;
  const { context } = parts;
  const sending = { context, timeoutMs, signal: AbortSignal.timeout(timeoutMs), onProgress: undefined };
  const discovered = (await send(state, 'server/discover', undefined, sending)) as Values;
  const introduction = introductionOf(discovered);
  const lists = listsOf(introduction['capabilities'] as Values | undefined);
  if (Object.keys(lists).length > 0) void keepListening(state, lists);
  return {
    era: 'modern',
    introduction,
    audited: true,
    pid: undefined,
    request: (method, params, sent) => request(state, method, params, sent),
    notify: async () => undefined,
    watch: (uri, about) => listen(state, { resourceSubscriptions: [uri] }, about),
    resumption: () => ({}),
    leave: async () => end(state),
    close: async () => end(state),
  };
}

function end({ life, calls }: State): void {
  life.abort();
  calls.close();
}

function introductionOf(discovered: Values): Values {
  const { capabilities, serverInfo, instructions, _meta } = discovered;
  const stamped = (_meta as Values | undefined)?.['io.modelcontextprotocol/serverInfo'];
  return {
    capabilities: capabilities ?? {},
    serverInfo: serverInfo ?? stamped ?? { name: 'unnamed', version: '0' },
    ...(typeof instructions === 'string' ? { instructions } : {}),
  };
}

function listsOf(capabilities: Values | undefined): Values {
  const changes = (name: string): boolean =>
    (capabilities?.[name] as Values | undefined)?.['listChanged'] === true;
  return {
    ...(changes('tools') ? { toolsListChanged: true } : {}),
    ...(changes('prompts') ? { promptsListChanged: true } : {}),
    ...(changes('resources') ? { resourcesListChanged: true } : {}),
  };
}

async function request(
  state: State,
  method: string,
  params: Values | undefined,
  sending: Sending,
): Promise<unknown> {
  const { paramHeaders } = state;
  try {
    const result = await send(state, method, params, sending);
    return method === 'tools/list' ? paramHeaders.learn(result) : result;
  } catch (error) {
    // The tool wants arguments in headers and its list was never read over this link.
    if (method !== 'tools/call' || !(error instanceof ProtocolError) || error.code !== headerMismatch)
      throw error;
    await learnAll(state, sending);
    return send(state, method, params, sending);
  }
}

async function learnAll(state: State, sending: Sending): Promise<void> {
  let cursor: unknown;
  for (let pages = 0; pages < 20; pages += 1) {
    const params = typeof cursor === 'string' ? { cursor } : undefined;
    const quiet = { ...sending, onProgress: undefined };
    const result = (await send(state, 'tools/list', params, quiet)) as Values | undefined;
    state.paramHeaders.learn(result);
    cursor = result?.['nextCursor'];
    if (typeof cursor !== 'string') return;
  }
}

function send(state: State, method: string, params: Values | undefined, sending: Sending): Promise<unknown> {
  return state.calls.run(sending, (waiting) => deliver(state, { method, params, waiting, sending }));
}

interface Delivery {
  readonly method: string;
  readonly params: Values | undefined;
  readonly waiting: Waiting;
  readonly sending: Sending;
  readonly onMessage?: (message: Values) => void;
}

async function deliver({ parts, calls, paramHeaders }: State, delivery: Delivery): Promise<void> {
  const { method, params, waiting, sending, onMessage } = delivery;
  const { context } = sending;
  const meta = { ...(params?.['_meta'] as Values | undefined), progressToken: waiting.id };
  const marked = sending.onProgress === undefined ? params : { ...params, _meta: meta };
  const message = {
    jsonrpc: '2.0',
    id: waiting.id,
    method,
    params: enveloped(marked, parts.capabilities, parts.version),
  };
  const headers = {
    ...mirrored(method, params),
    ...(method === 'tools/call' ? paramHeaders.of(params) : {}),
  };
  let head = 200;
  let heard = false;
  await exchange(
    parts,
    { context, method: 'POST', message, headers, signal: waiting.signal },
    {
      onHead: (status) => (head = status),
      onMessage(came) {
        heard = true;
        onMessage?.(came);
        // A refusal before the request was read may name no id.
        calls.take(came['id'] === null ? { ...came, id: waiting.id } : came, { context, sending });
      },
      onEvent: () => undefined,
    },
  );
  if (head >= 400 && !heard)
    throw refuse(
      'upstream_unavailable',
      `the upstream ${JSON.stringify(parts.upstream.name)} answered with status ${head}`,
    );
}

/** Open a subscription; resolves when it is acknowledged, with how to end it. */
async function listen(
  state: State,
  notifications: Values,
  { context, timeoutMs }: Pick<Sending, 'context' | 'timeoutMs'>,
  onOver: () => void = () => undefined,
): Promise<() => Promise<void>> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  state.life.signal.addEventListener('abort', end, { once: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    reject(refuse('upstream_timeout', `upstream "${state.parts.upstream.name}" did not acknowledge in time`));
    stop.abort();
  }, timeoutMs);
  const sending = { context, timeoutMs: 2_147_483_647, signal: stop.signal, onProgress: undefined };
  const params = { notifications };
  const onMessage = ({ method }: Values): void => {
    if (method === 'notifications/subscriptions/acknowledged') resolve();
  };
  const over = state.calls
    .run(sending, (waiting) =>
      deliver(state, { method: 'subscriptions/listen', params, waiting, sending, onMessage }),
    )
    .then(() => resolve(), reject)
    .finally(() => {
      state.life.signal.removeEventListener('abort', end);
      onOver();
    });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
  }
  return async () => {
    stop.abort();
    await over;
  };
}

// A subscription that breaks off is opened again, ever less often; one that is refused is not.
async function keepListening(state: State, lists: Values): Promise<void> {
  const { signal } = state.life;
  const { context, limits } = state.parts;
  let waitMs = 500;
  while (!signal.aborted) {
    const over = Promise.withResolvers<void>();
    const startedAtMs = performance.now();
    try {
      await listen(state, lists, { context, timeoutMs: limits.startSeconds * 1000 }, over.resolve);
    } catch (error) {
      if (error instanceof ProtocolError) return;
    }
    await over.promise;
    waitMs = performance.now() - startedAtMs > 10_000 ? 500 : Math.min(2 * waitMs, 60_000);
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
  }
}
