import type { Audit, AuditContext } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import { startChild, type Child, type Notice } from './child.ts';
import type { Eras } from './eras.ts';
import type { ChildLimits } from './limits.ts';
import { mostVerbose, type LogLevel } from '../link/log-level.ts';
import { keep, scrubFor } from '../link/scrub-message.ts';
import { openTasks, type Tasks } from '../link/tasks.ts';
import { openWatches, type Watches } from './watches.ts';

// A slot is the place of one child: it outlives crashes of the process in it, so sessions and subscriptions hold on
// to the slot. It never holds the credential: each start is handed a freshly lent one.

/** Somebody who wants to hear what a child announces. */
export interface Listener {
  readonly subject: string;
  /** Least severe log message it asked for; `undefined`: it asked for none. */
  level: LogLevel | undefined;
  hear(notice: Notice): void;
}

/** The place of one child. */
export interface Slot {
  readonly key: string;
  readonly tenant: string;
  readonly upstream: StdioUpstream;
  /** Whose credential the child holds; `undefined`: none, and everybody in the group shares the child. */
  readonly connectionId: string | undefined;
  readonly listeners: Set<Listener>;
  readonly tasks: Tasks;
  readonly watches: Watches;
  child: Promise<Child> | undefined;
  /** Requests under way and sessions that are open. */
  uses: number;
  lastUsedMs: number;
  failures: number;
  notBeforeMs: number;
}

/** What starting needs. */
export interface SlotParts {
  readonly audit: Audit;
  readonly eras: Eras;
  readonly limits: ChildLimits;
  readonly log: Log;
  readonly now: () => number;
  readonly version: string;
}

/** An empty slot. */
export function emptySlot(
  of: Pick<Slot, 'key' | 'tenant' | 'upstream' | 'connectionId'>,
  nowMs: number,
): Slot {
  return {
    ...of,
    listeners: new Set(),
    tasks: openTasks(),
    watches: openWatches(),
    child: undefined,
    uses: 0,
    lastUsedMs: nowMs,
    failures: 0,
    notBeforeMs: 0,
  };
}

/** Hold the slot's child alive until the returned function is called. */
export function hold(slot: Slot, now: () => number): () => void {
  slot.uses += 1;
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    slot.uses -= 1;
    slot.lastUsedMs = now();
  };
}

/**
 * Start the slot's child, once however many ask. A command that keeps failing is tried again after 0.5 s, doubling to 30 s.
 *
 * @throws Refusal `upstream_unavailable`, `audit_unavailable`
 */
export function startIn(
  slot: Slot,
  parts: SlotParts,
  environment: Readonly<Record<string, string>>,
  context: AuditContext,
): Promise<Child> {
  const waitMs = slot.notBeforeMs - parts.now();
  if (slot.child !== undefined) return slot.child;
  if (waitMs > 0)
    return Promise.reject(
      refuse(
        'upstream_unavailable',
        `upstream "${slot.upstream.name}" failed to start; it is tried again in ${Math.ceil(waitMs / 1000)} s`,
      ),
    );
  const startedAtMs = parts.now();
  const ended = (): void => {
    if (slot.child !== starting) return;
    slot.child = undefined;
    slot.watches.lost();
    // A child that lived a while is started again at once; one that falls over waits like one that never stood.
    if (parts.now() - startedAtMs < 10_000) delay(slot, parts);
    else slot.failures = 0;
  };
  const starting = audited(slot, parts, context, { environment, ended });
  slot.child = starting;
  starting.catch(ended);
  return starting;
}

/** End the slot's child, if there is one. */
export async function endIn(slot: Slot): Promise<void> {
  const ending = slot.child;
  slot.child = undefined;
  slot.watches.lost();
  await ending?.then((child) => child.close()).catch(() => undefined);
}

interface Start {
  readonly environment: Readonly<Record<string, string>>;
  readonly ended: () => void;
}

async function audited(slot: Slot, parts: SlotParts, context: AuditContext, start: Start): Promise<Child> {
  const { audit, now } = parts;
  const name = slot.upstream.name;
  const receipt = await audit.record('strict', context, {
    act: 'child.start',
    object: `upstream:${name}`,
    service: name,
  });
  const startedAtMs = now();
  try {
    const child = await remembered(slot, parts, start);
    audit.outcome(receipt.entry, context, { out: 'success', ms: now() - startedAtMs });
    parts.log.info(
      { upstream: name, pid: child.pid, era: child.era.era, ms: now() - startedAtMs },
      'child started',
    );
    await restore(slot, child, parts.limits.startSeconds * 1000);
    return child;
  } catch (error) {
    audit.outcome(receipt.entry, context, {
      out: 'failure',
      code: 'upstream_unavailable',
      ms: now() - startedAtMs,
    });
    throw error;
  }
}

async function remembered(slot: Slot, parts: SlotParts, { environment, ended }: Start): Promise<Child> {
  const { tenant, upstream } = slot;
  const known = await parts.eras.recall(tenant, upstream);
  const begin = (era: typeof known) =>
    startChild({ ...childParts(slot, parts, environment), known: era, onEnd: ended });
  if (known === undefined) {
    const child = await begin(undefined);
    await parts.eras.remember(tenant, upstream, child.era);
    return child;
  }
  try {
    return await begin(known);
  } catch (error) {
    // The command may be broken, or it may have learnt another era since: the next start asks again.
    await parts.eras.forget(tenant, upstream);
    throw error;
  }
}

// A fresh child knows nothing of what sessions asked the one before it.
async function restore(slot: Slot, child: Child, timeoutMs: number): Promise<void> {
  await slot.watches.restore(child, timeoutMs);
  const level = mostVerbose(slot.listeners);
  if (level === undefined) return;
  const sending = { signal: AbortSignal.timeout(timeoutMs), timeoutMs, onProgress: undefined };
  await child.request('logging/setLevel', { level }, sending).catch(() => undefined);
}

function childParts(
  slot: Slot,
  { log, version, limits }: SlotParts,
  environment: Readonly<Record<string, string>>,
) {
  return {
    upstream: slot.upstream,
    environment,
    version,
    startTimeoutMs: limits.startSeconds * 1000,
    log,
    scrub: slot.connectionId === undefined ? keep : scrubFor(environment),
    onNotice: (notice: Notice) => {
      for (const listener of slot.listeners)
        if (!slot.tasks.hides(listener.subject, notice.params)) listener.hear(notice);
    },
  };
}

function delay(slot: Slot, { now }: SlotParts): void {
  slot.failures += 1;
  slot.notBeforeMs = now() + Math.min(30_000, 500 * 2 ** (slot.failures - 1));
}
