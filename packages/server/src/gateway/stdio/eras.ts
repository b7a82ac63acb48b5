import type { Tables } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { ChildEras } from '../link/child-era.ts';
import { digestOf } from '../link/key.ts';

// Finding out which eras a command speaks starts it once more than it is needed, so the verdict is remembered, with its date: a stale "legacy"
// would succeed silently for ever, so it is asked again after seven days, and when the command has changed.
const verdictMs = 7 * 24 * 3600 * 1000;

/** Verdicts on `upstream_eras`, by group and upstream. */
export interface Eras {
  /** `undefined` when there is none that holds. */
  recall(tenant: string, upstream: StdioUpstream): Promise<ChildEras | undefined>;
  /** Add to what is known; its date is that of what was known first. */
  remember(tenant: string, upstream: StdioUpstream, found: ChildEras): Promise<void>;
  forget(tenant: string, upstream: StdioUpstream): Promise<void>;
}

/** Open the verdicts. */
export function openEras(tables: Tables, now: () => number): Eras {
  const keyOf = (tenant: string, { name }: StdioUpstream) => ({ upstreamKey: `${tenant}/${name}` });
  const read = async (tenant: string, upstream: StdioUpstream) => {
    const item = (await tables.get('upstream_eras', keyOf(tenant, upstream)))?.item;
    const verdict = item?.['verdict'];
    const atMs = Number(item?.['atMs']);
    if (item?.['command'] !== digestOf(upstream) || typeof verdict !== 'string') return undefined;
    return now() - atMs >= verdictMs ? undefined : { known: JSON.parse(verdict) as ChildEras, atMs };
  };
  return {
    recall: async (tenant, upstream) => (await read(tenant, upstream))?.known,
    async remember(tenant, upstream, found) {
      const before = await read(tenant, upstream);
      await tables.put('upstream_eras', {
        ...keyOf(tenant, upstream),
        command: digestOf(upstream),
        verdict: JSON.stringify({ ...before?.known, ...found }),
        atMs: before?.atMs ?? now(),
      });
    },
    async forget(tenant, upstream) {
      await tables.remove('upstream_eras', keyOf(tenant, upstream));
    },
  };
}
