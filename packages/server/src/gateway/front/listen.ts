import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext } from '@sealgate/vault';
import type { ModernReply } from './modern-reply.ts';
import type { Seat } from './seat.ts';
import type { Notice, Values } from './target.ts';

// `subscriptions/listen` of 2026-07-28: one stream that says first what it will tell, and then tells it, each message
// with the subscription's id. The resources are watched on the seat for as long as somebody listens.

const watchedMax = 100;
const subscriptionKey = 'io.modelcontextprotocol/subscriptionId';
const lists = [
  ['toolsListChanged', 'tools', 'notifications/tools/list_changed'],
  ['promptsListChanged', 'prompts', 'notifications/prompts/list_changed'],
  ['resourcesListChanged', 'resources', 'notifications/resources/list_changed'],
] as const;

/** One client that listens. */
export interface Listening {
  readonly id: string | number;
  /** The request's `notifications`. */
  readonly filter: unknown;
  /** What the target says of itself. */
  readonly introduction: Values;
  readonly context: AuditContext;
  readonly reply: ModernReply;
}

/**
 * Begin to tell. The stream stays open when this resolves.
 *
 * @returns how to stop; the stream is ended with a result when the client is still there
 * @throws ProtocolError -32602 without a filter
 */
export async function listen(seat: Seat, listening: Listening): Promise<() => void> {
  const { id, introduction, reply } = listening;
  const filter = readFilter(listening.filter);
  const capabilities = asObject(introduction['capabilities']);
  const methods = new Set<string>();
  const honoured: Record<string, unknown> = {};
  for (const [asked, capability, method] of lists) {
    if (filter[asked] !== true || asObject(capabilities[capability])['listChanged'] !== true) continue;
    honoured[asked] = true;
    methods.add(method);
  }
  const canWatch = asObject(capabilities['resources'])['subscribe'] === true;
  const uris = canWatch ? await watchAll(seat, urisOf(filter), listening) : [];
  if (uris.length > 0) honoured['resourceSubscriptions'] = uris;
  const tell = (method: string, params: Values): void =>
    reply.notify(method, { ...params, _meta: { ...asObject(params['_meta']), [subscriptionKey]: id } });
  const hear = ({ method, params = {} }: Notice): void => {
    const wanted =
      method === 'notifications/resources/updated'
        ? uris.includes(String(params['uri']))
        : methods.has(method);
    if (wanted) tell(method, params);
  };
  tell('notifications/subscriptions/acknowledged', { notifications: honoured });
  seat.listeners.add(hear);
  const stop = (): void => {
    if (!seat.listeners.delete(hear)) return;
    for (const uri of uris) void unwatch(seat, uri, listening.context);
    const { serverInfo } = introduction;
    const info = serverInfo === undefined ? {} : { 'io.modelcontextprotocol/serverInfo': serverInfo };
    const result = { resultType: 'complete', _meta: { [subscriptionKey]: id, ...info } };
    reply.finish({ jsonrpc: '2.0', id, result });
  };
  if (Object.keys(honoured).length === 0) stop();
  return stop;
}

async function watchAll(
  seat: Seat,
  uris: readonly string[],
  { context, reply }: Pick<Listening, 'context' | 'reply'>,
): Promise<readonly string[]> {
  const watched: string[] = [];
  for (const uri of uris) {
    const count = seat.watched.get(uri) ?? 0;
    seat.watched.set(uri, count + 1);
    const ok = count > 0 || (await ask(seat, 'resources/subscribe', uri, { context, signal: reply.gone }));
    if (ok) watched.push(uri);
    else drop(seat, uri);
  }
  return watched;
}

async function unwatch(seat: Seat, uri: string, context: AuditContext): Promise<void> {
  if (!drop(seat, uri)) return;
  await ask(seat, 'resources/unsubscribe', uri, { context, signal: AbortSignal.timeout(10_000) });
}

/** @returns whether nobody listens for it any longer */
function drop({ watched }: Seat, uri: string): boolean {
  const left = (watched.get(uri) ?? 1) - 1;
  if (left > 0) watched.set(uri, left);
  else watched.delete(uri);
  return left <= 0;
}

async function ask(
  { target }: Seat,
  method: string,
  uri: string,
  { context, signal }: { readonly context: AuditContext; readonly signal: AbortSignal },
): Promise<boolean> {
  const asked = { context, method, params: { uri }, bytes: undefined, signal, onProgress: undefined };
  return target.request(asked).then(
    () => true,
    () => false,
  );
}

function readFilter(filter: unknown): Values {
  if (typeof filter === 'object' && filter !== null && !Array.isArray(filter)) return filter as Values;
  throw new ProtocolError(-32602, "Invalid params: 'notifications' is required and must be a filter");
}

function urisOf({ resourceSubscriptions: uris }: Values): readonly string[] {
  if (!Array.isArray(uris)) return [];
  return [...new Set(uris.filter((uri) => typeof uri === 'string'))].slice(0, watchedMax);
}

function asObject(value: unknown): Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Values) : {};
}
