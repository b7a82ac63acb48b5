import type { AuditContext, Gate } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Child } from './child.ts';
import { commandDigest } from './eras.ts';
import { emptySlot, endIn, startIn, type Slot, type SlotParts } from './slot.ts';

// Which child answers whom. An upstream without a credential has one child for the whole group; with one, each
// credential (connection and epoch) has a child of its own, which ends when the credential is replaced or removed.

/** Who wants to reach a child, and what for. */
export interface Ask {
  readonly context: AuditContext;
  readonly subject: string;
  readonly upstream: StdioUpstream;
  readonly request: { readonly method?: string; readonly tool?: string; readonly bytes?: number };
}

/** The running children. */
export interface Children {
  /**
   * The child for this person and upstream, started when it does not run.
   *
   * @throws Refusal `credential_missing`, `upstream_unavailable`, `overloaded`, `audit_unavailable`, and those of opening a credential
   */
  reach(ask: Ask): Promise<{ readonly slot: Slot; readonly child: Child }>;
  /** End the children of an upstream that was removed or changed. */
  retire(tenant: string, upstream: string): Promise<void>;
  /** Children that run now. */
  count(): number;
  /** End all of them and start no more. */
  close(): Promise<void>;
}

/** What finding a child needs. */
export interface ChildrenParts extends SlotParts {
  readonly gate: Pick<Gate, 'lendToChild' | 'onChange'>;
}

interface State {
  readonly slots: Map<string, Slot>;
  /** Which slot a person was led to; emptied when a credential of the upstream changes. */
  readonly paths: Map<string, Slot>;
  readonly generations: Map<string, number>;
  readonly reaching: Map<string, Promise<{ slot: Slot; child: Child }>>;
  closed: boolean;
}

/** Open the children; none runs yet. */
export function openChildren(parts: ChildrenParts): Children {
  const state: State = {
    slots: new Map(),
    paths: new Map(),
    generations: new Map(),
    reaching: new Map(),
    closed: false,
  };
  const stopListening = parts.gate.onChange(({ tenant, upstream, connectionId }) => {
    const gone = forget(state, tenant, upstream, (slot) => slot.connectionId === connectionId);
    for (const slot of gone) void endIn(slot);
  });
  const sweep = setInterval(
    () => endIdle(state, parts),
    1000 * Math.min(30, parts.limits.idleSeconds),
  ).unref();
  return {
    async reach(ask) {
      if (state.closed) throw refuse('draining', 'the gateway is stopping');
      const path = pathOf(ask);
      const slot = state.paths.get(path);
      if (slot?.child !== undefined) return { slot, child: await slot.child };
      const under = state.reaching.get(path);
      if (under !== undefined) return under;
      const reached = find(state, parts, ask, path).finally(() => state.reaching.delete(path));
      state.reaching.set(path, reached);
      return reached;
    },
    async retire(tenant, upstream) {
      await Promise.all(forget(state, tenant, upstream, () => true).map(endIn));
    },
    count: () => running(state).length,
    async close() {
      state.closed = true;
      clearInterval(sweep);
      stopListening();
      await Promise.all([...state.slots.values()].map(endIn));
    },
  };
}

async function find(
  state: State,
  parts: ChildrenParts,
  ask: Ask,
  path: string,
): Promise<{ slot: Slot; child: Child }> {
  const { context, subject, upstream, request } = ask;
  const place = placeOf(context.tenant, upstream.name);
  for (;;) {
    const generation = state.generations.get(place) ?? 0;
    const required = upstream.credential !== undefined;
    const lent = await parts.gate.lendToChild({
      context,
      subject,
      upstream: upstream.name,
      required,
      request,
    });
    const slot = slotFor(state, parts, ask, lent.connection);
    if (slot.child === undefined) makeRoom(state, parts);
    const child = await startIn(slot, parts, lent.environment, context);
    if ((state.generations.get(place) ?? 0) === generation && !state.closed) {
      state.paths.set(path, slot);
      return { slot, child };
    }
    // The credential or the upstream changed while the child started: it may hold what was just revoked.
    state.slots.delete(slot.key);
    await endIn(slot);
    if (state.closed) throw refuse('draining', 'the gateway is stopping');
  }
}

function slotFor(
  state: State,
  parts: ChildrenParts,
  { context, upstream }: Ask,
  connection: { readonly connectionId: string; readonly epoch: number } | undefined,
): Slot {
  const whose = connection === undefined ? '' : `${connection.connectionId}@${connection.epoch}`;
  const key = JSON.stringify([context.tenant, upstream.name, commandDigest(upstream), whose]);
  const known = state.slots.get(key);
  if (known !== undefined) return known;
  const slot = emptySlot(
    { key, tenant: context.tenant, upstream, connectionId: connection?.connectionId },
    parts.now(),
  );
  state.slots.set(key, slot);
  return slot;
}

/** Take slots out of reach and return them, to be ended. */
function forget(
  state: State,
  tenant: string,
  upstream: string,
  gone: (slot: Slot) => boolean,
): readonly Slot[] {
  const place = placeOf(tenant, upstream);
  state.generations.set(place, (state.generations.get(place) ?? 0) + 1);
  for (const [path, slot] of state.paths)
    if (slot.tenant === tenant && slot.upstream.name === upstream) state.paths.delete(path);
  const slots = [...state.slots.values()].filter(
    (slot) => slot.tenant === tenant && slot.upstream.name === upstream && gone(slot),
  );
  for (const slot of slots) state.slots.delete(slot.key);
  return slots;
}

function makeRoom(state: State, { limits }: ChildrenParts): void {
  const busy = running(state);
  if (busy.length < limits.childrenMax) return;
  const [oldest] = busy.filter((slot) => slot.uses === 0).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  if (oldest === undefined)
    throw refuse('overloaded', 'too many upstream processes are in use; try again later');
  drop(state, oldest);
}

function endIdle(state: State, { limits, now }: ChildrenParts): void {
  for (const slot of state.slots.values())
    if (slot.uses === 0 && now() - slot.lastUsedMs > limits.idleSeconds * 1000) drop(state, slot);
}

function drop(state: State, slot: Slot): void {
  state.slots.delete(slot.key);
  for (const [path, other] of state.paths) if (other === slot) state.paths.delete(path);
  void endIn(slot);
}

function running(state: State): readonly Slot[] {
  return [...state.slots.values()].filter((slot) => slot.child !== undefined);
}

function placeOf(tenant: string, upstream: string): string {
  return JSON.stringify([tenant, upstream]);
}

// The command is part of the path: an upstream that was changed leads to a new child at once.
function pathOf({ context, subject, upstream }: Ask): string {
  return JSON.stringify([context.tenant, upstream.name, commandDigest(upstream), subject]);
}
