import { endOutdated, isTakenFrom } from './lent.ts';
import { reach, type Ask, type LinksParts } from './reach.ts';
import { endIn, leaveIn, type Reached, type Slot } from './slot.ts';
import { dropIdle, emptyState, forget, release } from './slots.ts';

/** The open links. */
export interface Links {
  /**
   * The link for this person and upstream, opened when it does not stand. The listener is in the slot afterwards.
   *
   * @throws Refusal `credential_missing`, `upstream_unavailable`, `upstream_unauthorized`, `overloaded`, `draining`,
   *   `audit_unavailable`, and those of opening a credential
   */
  reach(ask: Ask): Promise<Reached>;
  /**
   * Give up what this holder has for itself.
   *
   * @param upstream only this one's; `undefined`: all
   * @param how `leave`: what another instance can go on with is not ended
   */
  release(holder: string, upstream?: string, how?: 'leave' | 'end'): Promise<void>;
  /** End the links of an upstream that was removed or changed. */
  retire(tenant: string, upstream: string): Promise<void>;
  /** Links that stand now: children, and conversations with HTTP upstreams. */
  count(): { readonly children: number; readonly sessions: number };
  /** End all of them and open no more. */
  close(): Promise<void>;
}

/** Open the links; there are none yet. */
export function openLinks(parts: LinksParts): Links {
  const state = emptyState();
  const look = (): void => void endOutdated(state, parts.gate);
  const stopListening = parts.gate.onChange((change) => {
    if (change === undefined) return look();
    const taken = (slot: Slot): boolean => isTakenFrom(slot, change);
    for (const slot of forget(state, change.tenant, change.upstream, taken)) void endIn(slot);
  });
  const looks = setInterval(look, 1000 * parts.limits.lookSeconds).unref();
  const everyMs = 1000 * Math.min(30, parts.limits.idleSeconds);
  const sweep = setInterval(() => dropIdle(state, parts), everyMs).unref();
  return {
    reach: (ask) => reach(state, parts, ask),
    async release(holder, upstream, how = 'end') {
      await Promise.all(release(state, holder, upstream).map(how === 'end' ? endIn : leaveIn));
    },
    async retire(tenant, upstream) {
      await Promise.all(forget(state, tenant, upstream, () => true).map(endIn));
    },
    count() {
      const standing = [...state.slots.values()].filter(({ link }) => link !== undefined);
      const children = standing.filter(({ upstream }) => upstream.kind === 'stdio').length;
      return { children, sessions: standing.length - children };
    },
    async close() {
      state.closed = true;
      clearInterval(sweep);
      clearInterval(looks);
      stopListening();
      // Sessions of conversations go on at another instance, or here after a restart.
      await Promise.all(
        [...state.slots.values()].map((slot) => (slot.holder === undefined ? endIn(slot) : leaveIn(slot))),
      );
    },
  };
}
