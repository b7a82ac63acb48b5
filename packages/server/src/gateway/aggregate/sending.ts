import { ProtocolError } from '@modelcontextprotocol/client';
import type { Relayed, Values } from '../front/target.ts';
import { taskOf } from '../link/tasks.ts';
import { has, listMethods } from './asking.ts';
import type { Asking, Whole } from './parts.ts';
import { insist, type Thing } from './permission.ts';
import { resourceUnknown, routeName, routeUri } from './routes.ts';

// Requests for one upstream: found, permitted, sent on. Only a tool's or prompt's name is changed on the way.

/** How many upstreams are asked for what no list has. */
const askedMax = 8;

/** Answer `tools/call` or `prompts/get`. @throws ProtocolError -32602 for a name that nobody lists; what the upstream throws */
export async function sendNamed(whole: Whole, kind: 'tools' | 'prompts', relayed: Relayed): Promise<unknown> {
  const { params } = relayed;
  const name = textAt(params, 'name');
  const { caller } = whole.conversation;
  if (kind === 'tools' && whole.parts.own.list(caller).some((tool) => tool['name'] === name))
    return whole.parts.own.call(name, (params?.['arguments'] ?? {}) as Values, {
      ...asking(relayed),
      caller,
    });
  const routed = await routeName(whole, listMethods[kind], name, asking(relayed));
  if (routed === undefined)
    throw new ProtocolError(
      -32_602,
      `Unknown ${kind === 'tools' ? 'tool' : 'prompt'}: ${name.slice(0, 128)}`,
    );
  return send(
    whole,
    { ...routed, method: listMethods[kind].use },
    { ...relayed, params: { ...params, name: routed.name } },
  );
}

/** Answer `completion/complete`, for the argument of a prompt or of a template. @throws as {@link sendNamed} */
export async function sendCompletion(whole: Whole, relayed: Relayed): Promise<unknown> {
  const ref = relayed.params?.['ref'] as Values | undefined;
  if (ref?.['type'] === 'ref/prompt') {
    const name = textAt(ref, 'name');
    const routed = await routeName(whole, listMethods.prompts, name, asking(relayed));
    if (routed === undefined) throw new ProtocolError(-32_602, `Unknown prompt: ${name.slice(0, 128)}`);
    const params = { ...relayed.params, ref: { ...ref, name: routed.name } };
    return send(whole, { ...routed, method: 'prompts/get' }, { ...relayed, params });
  }
  const uri = textAt(ref, 'uri');
  const upstream = await routeUri(whole, uri, asking(relayed));
  if (upstream === undefined) throw resourceUnknown(whole, uri);
  return send(whole, { upstream, method: 'resources/read', name: uri }, relayed);
}

/**
 * Answer `resources/read`, `/subscribe` or `/unsubscribe`. What no list has is read by asking the upstreams in their row.
 *
 * @throws ProtocolError -32602 or -32002 for an address that nobody has; what the upstream throws
 */
export async function sendResource(whole: Whole, relayed: Relayed): Promise<unknown> {
  const uri = textAt(relayed.params, 'uri');
  const upstream = await routeUri(whole, uri, asking(relayed));
  if (upstream !== undefined) return send(whole, { upstream, method: 'resources/read', name: uri }, relayed);
  if (relayed.method !== 'resources/read') throw resourceUnknown(whole, uri);
  return askAround(whole, { relayed, kind: 'uri', id: uri, unknown: resourceUnknown(whole, uri) });
}

/** Answer a method about one task. @throws ProtocolError -32602 for a task that no upstream knows; what the upstream throws */
export async function sendTask(whole: Whole, relayed: Relayed): Promise<unknown> {
  const id = textAt(relayed.params, 'taskId');
  const owner = whole.members.find(whole.claims.of('task', id) ?? '');
  if (owner !== undefined) return send(whole, { upstream: owner, method: 'tasks/get', name: id }, relayed);
  // What a person adds to a task is told to nobody but the upstream that has it, so it is looked for first.
  const unknown = new ProtocolError(-32_602, 'Failed to retrieve task: Task not found');
  const looking = { ...relayed, method: 'tasks/get', params: { taskId: id } };
  const found = await askAround(whole, { relayed: looking, kind: 'task', id, unknown });
  if (relayed.method === 'tasks/get') return found;
  const claimed = whole.members.find(whole.claims.of('task', id) ?? '');
  if (claimed === undefined) throw unknown;
  return send(whole, { upstream: claimed, method: 'tasks/get', name: id }, relayed);
}

interface Around {
  readonly relayed: Relayed;
  readonly kind: 'task' | 'uri';
  readonly id: string;
  readonly unknown: ProtocolError;
}

async function askAround(whole: Whole, { relayed, kind, id, unknown }: Around): Promise<unknown> {
  let left = askedMax;
  for (const upstream of whole.members.list()) {
    const capability = kind === 'task' ? 'tasks' : 'resources';
    if (!(await has(whole, upstream, capability, asking(relayed)))) continue;
    if (left-- === 0) break;
    try {
      const method = kind === 'task' ? 'tasks/get' : 'resources/read';
      const result = await send(whole, { upstream, method, name: id }, relayed);
      whole.claims.claim(kind, id, upstream.name);
      return result;
    } catch (error) {
      if (relayed.signal.aborted) throw error;
      // Anything else than an error of the upstream's own says nothing about the address.
      if (!(error instanceof ProtocolError)) whole.absences.note(upstream.name, error);
    }
  }
  throw unknown;
}

// The thing is named as lists name it, so that both are decided alike.
async function send(whole: Whole, thing: Thing, relayed: Relayed): Promise<unknown> {
  const { parts, conversation, members, claims } = whole;
  const { upstream } = thing;
  const { context } = relayed;
  insist(parts.allow, conversation.caller, thing);
  await members.tellLevel(upstream, () => has(whole, upstream, 'logging', asking(relayed)), context);
  const result = await members.target(upstream).request(relayed);
  const taskId = taskOf(result);
  if (taskId !== undefined) claims.claim('task', taskId, upstream.name);
  return result;
}

function asking({ context, signal }: Relayed): Asking {
  return { context, signal };
}

function textAt(holder: Values | undefined, key: string): string {
  const value = typeof holder === 'object' && holder !== null ? holder[key] : undefined;
  if (typeof value !== 'string') throw new ProtocolError(-32_602, `Invalid params: ${key} is not a text`);
  return value;
}
