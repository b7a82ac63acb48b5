import type { Conversation, Notice, Values } from '../front/target.ts';
import { isFor, type Listener } from './listener.ts';
import { logLevelOf, mostVerbose } from './log-level.ts';
import type { Slot } from './slot.ts';

// Log levels between the eras: set once for a session in the older one, named by each request in the newer.

const levelKey = 'io.modelcontextprotocol/logLevel';

/**
 * The parameters of a request with the level of this conversation. A link that several use is set to the most talkative of
 * them; over a modern one each request names its own.
 */
export function levelled(
  listener: Listener,
  slot: Slot,
  era: 'legacy' | 'modern',
  { method, params }: { readonly method: string; readonly params: Values | undefined },
): Values | undefined {
  if (era === 'modern') {
    if (listener.level === undefined) return params;
    return { ...params, _meta: { ...(params?.['_meta'] as Values | undefined), [levelKey]: listener.level } };
  }
  if (method !== 'logging/setLevel' || logLevelOf(params?.['level']) === undefined) return params;
  return { ...params, level: mostVerbose(slot.listeners) ?? params?.['level'] };
}

/**
 * Whether a log message of one of its own requests is for a conversation. Without a level a server may send what it likes in
 * the older era (MCP 2025-11-25, logging), and nothing in the newer.
 */
export function isOwnLog(notice: Notice, listener: Listener, era: Conversation['era']): boolean {
  return listener.level === undefined ? era === 'legacy' : isFor(notice, listener, false);
}
