import type { Act } from '@sealgate/vault';

// What the gateway knows of each MCP method, of both eras. Everything else passes as `mcp.other`: a method that a
// later extension brings is the upstream's to answer, and the log still says that it was called.

/** What one method means on the way through. */
export interface Method {
  /** The audit verb. */
  readonly act: Act;
  /** The parameter that `Mcp-Name` mirrors; `undefined`: the header is neither demanded nor passed on. */
  readonly nameIn: 'name' | 'uri' | 'taskId' | undefined;
  /** Whether the answer is a stream that stays open for as long as the client likes. */
  readonly longLived: boolean;
}

const short = (act: Act, nameIn?: Method['nameIn']): Method => ({ act, nameIn, longLived: false });

const methods: Readonly<Record<string, Method>> = {
  // 2026-07-28
  'server/discover': short('mcp.discover'),
  'subscriptions/listen': { act: 'mcp.listen', nameIn: undefined, longLived: true },
  // both
  'tools/list': short('tool.list'),
  'tools/call': short('tool.call', 'name'),
  'prompts/list': short('prompt.list'),
  'prompts/get': short('prompt.get', 'name'),
  'resources/list': short('resource.list'),
  'resources/templates/list': short('resource.list'),
  'resources/read': short('resource.read', 'uri'),
  'completion/complete': short('mcp.complete'),
  // the tasks extension (SEP-2663 for the name)
  'tasks/get': short('task.get', 'taskId'),
  'tasks/update': short('task.update', 'taskId'),
  'tasks/cancel': short('task.cancel', 'taskId'),
  'tasks/list': short('task.list'),
  'tasks/result': short('task.result'),
  // up to 2025-11-25
  initialize: short('session.open'),
  ping: short('mcp.ping'),
  'logging/setLevel': short('mcp.log_level'),
  'resources/subscribe': short('resource.subscribe'),
  'resources/unsubscribe': short('resource.unsubscribe'),
};

const notification = short('mcp.notification');
const other = short('mcp.other');

/** The entry of a method; of `mcp.notification` for every notification and of `mcp.other` for an unknown method. */
export function methodOf(name: string): Method {
  if (Object.hasOwn(methods, name)) return methods[name] ?? other;
  return name.startsWith('notifications/') ? notification : other;
}

/** A legacy client opens the stream of its session (GET). */
export const openStream: Method = { act: 'session.stream', nameIn: undefined, longLived: true };
/** A legacy client ends its session (DELETE). */
export const closeSession: Method = short('session.close');
/** A legacy client answers a request of the upstream (a JSON-RPC response in a POST). */
export const answerUpstream: Method = short('mcp.answer');
