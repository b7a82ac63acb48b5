import type { Tables } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import { digestOf } from './key.ts';

// What was found out of the eras that an upstream speaks, with its date: a stale "legacy" would succeed silently for ever,
// so it is asked again after seven days, and when the command or the address has changed.
const heldMs = 7 * 24 * 3600 * 1000;

/** Something found out, and when. */
export interface Dated<V> {
  readonly known: V;
  /** Milliseconds since 1970. */
  readonly atMs: number;
}

/** Rows of `upstream_eras`, by group and upstream. */
export interface EraRows<V> {
  /** `undefined` when there is none that holds. */
  recall(tenant: string, upstream: Upstream): Promise<Dated<V> | undefined>;
  remember(tenant: string, upstream: Upstream, found: Dated<V>): Promise<void>;
  forget(tenant: string, upstream: Upstream): Promise<void>;
}

/** Open the rows; what is remembered is JSON. */
export function openEraRows<V>(tables: Tables, now: () => number): EraRows<V> {
  const keyOf = (tenant: string, { name }: Upstream) => ({ upstreamKey: `${tenant}/${name}` });
  return {
    async recall(tenant, upstream) {
      const item = (await tables.get('upstream_eras', keyOf(tenant, upstream)))?.item;
      const verdict = item?.['verdict'];
      const atMs = Number(item?.['atMs']);
      if (item?.['command'] !== digestOf(upstream) || typeof verdict !== 'string') return undefined;
      return isHeld(atMs, now()) ? { known: JSON.parse(verdict) as V, atMs } : undefined;
    },
    async remember(tenant, upstream, { known, atMs }) {
      await tables.put('upstream_eras', {
        ...keyOf(tenant, upstream),
        command: digestOf(upstream),
        verdict: JSON.stringify(known),
        atMs,
      });
    },
    async forget(tenant, upstream) {
      await tables.remove('upstream_eras', keyOf(tenant, upstream));
    },
  };
}

/** Whether what was found out then still holds. */
export function isHeld(atMs: number, nowMs: number): boolean {
  return nowMs - atMs < heldMs;
}
