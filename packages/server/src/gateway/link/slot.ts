import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import type { Link } from './link.ts';
import type { Listener } from './listener.ts';
import { openTasks, type Tasks } from './tasks.ts';
import { openWatches, type Watches } from './watches.ts';

// A slot is the place of one link: it outlives crashes of the process and lost sessions, so conversations and
// subscriptions hold on to the slot. It never holds a credential.

/** Whose slot it is. */
export interface SlotOwner {
  readonly key: string;
  readonly tenant: string;
  readonly upstream: Upstream;
  /** The credential that the child holds; `undefined`: none, or each request is lent its own. */
  readonly connection: { readonly connectionId: string; readonly epoch: number } | undefined;
  /** The only person who uses it; `undefined`: the whole group does. */
  readonly subject: string | undefined;
  /** The only conversation, or chain of them, that uses it; `undefined`: all of `subject`, or of the group. */
  readonly holder: string | undefined;
  /** Client capabilities that are declared over it. */
  readonly capabilities: Values;
}

/** The place of one link. */
export interface Slot extends SlotOwner {
  readonly listeners: Set<Listener>;
  readonly tasks: Tasks;
  readonly watches: Watches;
  link: Promise<Link> | undefined;
  /** The same, once it stands. */
  standing: Link | undefined;
  /** Requests under way. */
  requests: number;
  /** Conversations that are led here, also while they are quiet. */
  conversations: number;
  lastUsedMs: number;
  failures: number;
  notBeforeMs: number;
  /** Names what was lent for it (`lent.ts`); `undefined`: nobody has looked yet. */
  lent: string | undefined;
}

/** A link, and the slot it stands in. */
export interface Reached {
  readonly slot: Slot;
  readonly link: Link;
}

/** An empty slot. */
export function emptySlot(owner: SlotOwner, lent: string | undefined, nowMs: number): Slot {
  return {
    ...owner,
    listeners: new Set(),
    tasks: openTasks(),
    watches: openWatches(),
    link: undefined,
    standing: undefined,
    requests: 0,
    conversations: 0,
    lastUsedMs: nowMs,
    failures: 0,
    notBeforeMs: 0,
    lent,
  };
}

/** Hold the slot's link alive for a request or a conversation, until the returned function is called. */
export function hold(
  slot: Slot,
  now: () => number,
  by: 'requests' | 'conversations' = 'requests',
): () => void {
  slot[by] += 1;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    slot[by] -= 1;
    slot.lastUsedMs = now();
  };
}

/** Whether nobody needs the slot's link now: neither a request nor a conversation. */
export function isUnused({ requests, conversations }: Slot): boolean {
  return requests === 0 && conversations === 0;
}

/** End the slot's link, if there is one. */
export async function endIn(slot: Slot): Promise<void> {
  const ending = slot.link;
  vacate(slot);
  await ending?.then((link) => link.close()).catch(() => undefined);
}

/** Let go of the slot's link; what another instance can go on with is not ended. */
export async function leaveIn(slot: Slot): Promise<void> {
  const leaving = slot.link;
  vacate(slot);
  await leaving?.then((link) => link.leave()).catch(() => undefined);
}

/** The slot's link is gone, or about to be. */
export function vacate(slot: Slot): void {
  slot.link = undefined;
  slot.standing = undefined;
  slot.watches.lost();
}
