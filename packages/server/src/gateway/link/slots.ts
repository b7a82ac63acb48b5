import { nameOfLent, shareOf, type Belonging } from './key.ts';
import type { LinkLimits } from './limits.ts';
import { emptySlot, endIn, isUnused, type Reached, type Slot } from './slot.ts';

/** The slots, and the ways to them. */
export interface State {
  readonly slots: Map<string, Slot>;
  /** Which slot a conversation was led to; emptied when a credential of the upstream changes. */
  readonly paths: Map<string, { readonly slot: Slot; readonly holder: string | undefined }>;
  /** Raised with each change of an upstream or of a credential of it. */
  readonly generations: Map<string, number>;
  readonly reaching: Map<string, Promise<Reached>>;
  closed: boolean;
}

/** No slots yet. */
export function emptyState(): State {
  return {
    slots: new Map(),
    paths: new Map(),
    generations: new Map(),
    reaching: new Map(),
    closed: false,
  };
}

/** The slot of those to whom a link belongs. */
export function slotFor(state: State, of: Belonging, nowMs: number): Slot {
  const { key, subject, holder } = shareOf(of);
  const known = state.slots.get(key);
  if (known !== undefined) return known;
  const { tenant, upstream, capabilities, connection } = of;
  const lent = upstream.kind === 'http' ? undefined : nameOfLent(connection);
  const slot = emptySlot({ key, tenant, upstream, connection, subject, holder, capabilities }, lent, nowMs);
  state.slots.set(key, slot);
  return slot;
}

/** Take the slots of an upstream out of reach and return them, to be ended. */
export function forget(
  state: State,
  tenant: string,
  upstream: string,
  gone: (slot: Slot) => boolean,
): readonly Slot[] {
  const place = placeOf(tenant, upstream);
  state.generations.set(place, (state.generations.get(place) ?? 0) + 1);
  const here = (slot: Slot): boolean => slot.tenant === tenant && slot.upstream.name === upstream;
  for (const [path, { slot }] of state.paths) if (here(slot)) state.paths.delete(path);
  return remove(state, (slot) => here(slot) && gone(slot));
}

/** Take what a holder has for itself out of reach and return it, to be ended. */
export function release(state: State, holder: string, upstream: string | undefined): readonly Slot[] {
  const here = (slot: Slot): boolean => upstream === undefined || slot.upstream.name === upstream;
  for (const [path, kept] of state.paths)
    if (kept.holder === holder && here(kept.slot)) state.paths.delete(path);
  return remove(state, (slot) => slot.holder === holder && here(slot));
}

/** End what nobody has used for a while. */
export function dropIdle(state: State, { limits, now }: { limits: LinkLimits; now: () => number }): void {
  const idle = remove(state, (slot) => isUnused(slot) && now() - slot.lastUsedMs > limits.idleSeconds * 1000);
  const gone = new Set(idle);
  for (const [path, { slot }] of state.paths) if (gone.has(slot)) state.paths.delete(path);
  for (const slot of idle) void endIn(slot);
}

/** One upstream of one group. */
export function placeOf(tenant: string, upstream: string): string {
  return JSON.stringify([tenant, upstream]);
}

function remove(state: State, gone: (slot: Slot) => boolean): readonly Slot[] {
  const slots = [...state.slots.values()].filter(gone);
  for (const slot of slots) state.slots.delete(slot.key);
  return slots;
}
