import type { Tables } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { ChildEra as Era } from '../link/child-era.ts';
import { digestOf } from '../link/key.ts';

// Finding out a child's era starts its command twice, so the verdict is remembered, with its date: a stale "legacy"
// would succeed silently for ever, so it is asked again after seven days, and when the command has changed.
const verdictMs = 7 * 24 * 3600 * 1000;

/** Verdicts on `upstream_eras`, by group and upstream. */
export interface Eras {
  /** `undefined` when there is none that holds. */
  recall(tenant: string, upstream: StdioUpstream): Promise<Era | undefined>;
  remember(tenant: string, upstream: StdioUpstream, era: Era): Promise<void>;
  forget(tenant: string, upstream: StdioUpstream): Promise<void>;
}

/** Open the verdicts. */
export function openEras(tables: Tables, now: () => number): Eras {
  const keyOf = (tenant: string, { name }: StdioUpstream) => ({ upstreamKey: `${tenant}/${name}` });
  return {
    async recall(tenant, upstream) {
      const item = (await tables.get('upstream_eras', keyOf(tenant, upstream)))?.item;
      if (item === undefined || item['command'] !== digestOf(upstream)) return undefined;
      if (now() - Number(item['atMs']) >= verdictMs) return undefined;
      const verdict = item['verdict'];
      return typeof verdict === 'string' ? (JSON.parse(verdict) as Era) : undefined;
    },
    async remember(tenant, upstream, era) {
      const verdict = JSON.stringify(era);
      await tables.put('upstream_eras', {
        ...keyOf(tenant, upstream),
        command: digestOf(upstream),
        verdict,
        atMs: now(),
      });
    },
    async forget(tenant, upstream) {
      await tables.remove('upstream_eras', keyOf(tenant, upstream));
    },
  };
}
