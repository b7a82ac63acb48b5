import { ProtocolError } from '@modelcontextprotocol/client';
import type { Values } from './target.ts';

// Which methods of 2026-07-28 there are at an address: the core's by what the target declares, none of the methods that
// ended with the sessions, and everything else, which an extension may have brought, by the target's own answer.

const declaredBy: ReadonlyMap<string, string> = new Map([
  ['tools/list', 'tools'],
  ['tools/call', 'tools'],
  ['prompts/list', 'prompts'],
  ['prompts/get', 'prompts'],
  ['resources/list', 'resources'],
  ['resources/templates/list', 'resources'],
  ['resources/read', 'resources'],
  ['completion/complete', 'completions'],
]);

const ended = new Set([
  'initialize',
  'ping',
  'logging/setLevel',
  'resources/subscribe',
  'resources/unsubscribe',
  'sampling/createMessage',
  'elicitation/create',
  'roots/list',
]);

/** @throws ProtocolError -32601 for a method that is not served @param introduction of the target */
export function refuseUnknown(method: string, introduction: Values): void {
  const capabilities = (introduction['capabilities'] ?? {}) as Values;
  const extensions = (capabilities['extensions'] ?? {}) as Values;
  const needed = declaredBy.get(method);
  const isMissing =
    ended.has(method) ||
    (needed !== undefined && capabilities[needed] === undefined) ||
    (method.startsWith('tasks/') && extensions['io.modelcontextprotocol/tasks'] === undefined);
  if (isMissing) throw new ProtocolError(-32601, 'Method not found');
}
