import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import type { Link, LinkEvents } from './link.ts';
import { isFor, type Listener } from './listener.ts';
import { mostVerbose } from './log-level.ts';
import { openTasks, type Tasks } from './tasks.ts';
import { openWatches, type Watches } from './watches.ts';

// A slot is the place of one link: it outlives crashes of the process and lost sessions, so conversations and
// subscriptions hold on to the slot. It never holds a credential.

/** Whose slot it is. */
export interface SlotOwner {
  readonly key: string;
  readonly tenant: string;
  readonly upstream: Upstream;
  /** Whose credential the child holds; `undefined`: none, or each request is lent its own. */
  readonly connectionId: string | undefined;
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
}

/** A link, and the slot it stands in. */
export interface Reached {
  readonly slot: Slot;
  readonly link: Link;
}

/** An empty slot. */
export function emptySlot(owner: SlotOwner, nowMs: number): Slot {
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

/** How to open a slot's link. */
export type OpenLink = (events: LinkEvents) => Promise<Link>;

/** What starting needs. */
export interface Starting {
  readonly now: () => number;
  readonly context: AuditContext;
  readonly startMs: number;
  readonly open: OpenLink;
}

/**
 * Open the slot's link, once however many ask. One that keeps failing is tried again after 0.5 s, doubling to 30 s.
 *
 * @throws Refusal `upstream_unavailable`, and whatever `open` throws
 */
export function startIn(slot: Slot, starting: Starting): Promise<Link> {
  const { now } = starting;
  if (slot.link !== undefined) return slot.link;
  const waitMs = slot.notBeforeMs - now();
  if (waitMs > 0) return Promise.reject(tooSoon(slot, waitMs));
  const startedAtMs = now();
  const ended = (): void => {
    if (slot.link !== opening) return;
    vacate(slot);
    // A child that lived a while is started again at once; one that falls over waits like one that never stood.
    if (slot.upstream.kind === 'stdio' && now() - startedAtMs < 10_000) delay(slot, now);
    else slot.failures = 0;
  };
  const opening = open(slot, starting, ended);
  slot.link = opening;
  opening.then(
    (link) => {
      if (slot.link === opening) slot.standing = link;
    },
    () => {
      if (slot.link !== opening) return;
      vacate(slot);
      if (slot.upstream.kind === 'stdio') delay(slot, now);
    },
  );
  return opening;
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

function vacate(slot: Slot): void {
  slot.link = undefined;
  slot.standing = undefined;
  slot.watches.lost();
}

async function open(
  slot: Slot,
  { open: begin, context, startMs }: Starting,
  ended: () => void,
): Promise<Link> {
  const link = await begin({ ...eventsOf(slot), onEnd: ended });
  await restore(slot, link, { context, timeoutMs: startMs });
  return link;
}

function eventsOf(slot: Slot): Omit<LinkEvents, 'onEnd'> {
  return {
    onNotice(notice) {
      const shared = slot.subject === undefined;
      for (const listener of slot.listeners)
        if (isFor(notice, listener, shared) && !slot.tasks.hides(listener.subject, notice.params))
          listener.hear(notice);
    },
    // Only what one conversation has for itself may ask, and it asks that one.
    async onAsk(asked) {
      const [only, ...others] = slot.listeners;
      if (slot.holder === undefined || only === undefined || others.length > 0)
        throw new ProtocolError(-32601, 'Method not found');
      return only.ask(asked);
    },
  };
}

// A fresh link knows nothing of what conversations asked the one before it.
async function restore(
  slot: Slot,
  link: Link,
  sending: { context: AuditContext; timeoutMs: number },
): Promise<void> {
  await slot.watches.restore(link, sending);
  const level = mostVerbose(slot.listeners);
  if (level === undefined || link.era === 'modern') return;
  const signal = AbortSignal.timeout(sending.timeoutMs);
  await link
    .request('logging/setLevel', { level }, { ...sending, signal, onProgress: undefined })
    .catch(() => undefined);
}

function tooSoon({ upstream }: Slot, waitMs: number) {
  return refuse(
    'upstream_unavailable',
    `upstream "${upstream.name}" failed to start; it is tried again in ${Math.ceil(waitMs / 1000)} s`,
  );
}

function delay(slot: Slot, now: () => number): void {
  slot.failures += 1;
  slot.notBeforeMs = now() + Math.min(30_000, 500 * 2 ** (slot.failures - 1));
}
