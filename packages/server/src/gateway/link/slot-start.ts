import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext } from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import type { Link, LinkEvents } from './link.ts';
import { isFor } from './listener.ts';
import { mostVerbose } from './log-level.ts';
import { vacate, type Slot } from './slot.ts';

// Opening a slot's link: once however many ask, ever less often when it fails, and with everything that conversations
// asked of the link before it.

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
    onNotice(notice, at) {
      const shared = slot.subject === undefined;
      for (const listener of slot.listeners)
        if (isFor(notice, listener, shared) && !slot.tasks.hides(listener.subject, notice.params))
          listener.hear(notice, at);
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
