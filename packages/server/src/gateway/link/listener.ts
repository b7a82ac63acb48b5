import type { Asked, Notice, Position, Values } from '../front/target.ts';
import { isLoud, type LogLevel } from './log-level.ts';

/** Somebody at a slot: one conversation's ear, and its mouth when the slot is its own. */
export interface Listener {
  readonly subject: string;
  /** Least severe log message it asked for; `undefined`: it asked for none. */
  level: LogLevel | undefined;
  /** Resources it wants to hear of. */
  readonly uris: Set<string>;
  hear(notice: Notice, at?: Position): void;
  /** @throws ProtocolError with the client's own error */
  ask(asked: Asked): Promise<Values>;
}

/**
 * Whether a notification is for this listener.
 *
 * @param shared the link is other people's too: then updates and lists are told to those who want them, and
 *   anything else, which could be another person's business, is told to nobody
 */
export function isFor({ method, params }: Notice, { level, uris }: Listener, shared: boolean): boolean {
  // A log message is about somebody's call, and nobody can tell whose: over a shared link it is told to nobody.
  if (method === 'notifications/message') return !shared && isLoud(params?.['level'], level);
  if (method === 'notifications/resources/updated')
    return [...uris].some((uri) => isWithin(String(params?.['uri']), uri));
  return told.has(method) || !shared;
}

// An update may be of a part of what was subscribed to (MCP 2025-11-25, resources, subscriptions).
function isWithin(updated: string, subscribed: string): boolean {
  return (
    updated === subscribed || updated.startsWith(subscribed.endsWith('/') ? subscribed : `${subscribed}/`)
  );
}

const told = new Set([
  'notifications/tools/list_changed',
  'notifications/prompts/list_changed',
  'notifications/resources/list_changed',
  'notifications/tasks/status',
]);
