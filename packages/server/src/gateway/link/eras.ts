import type { Tables } from '@sealgate/vault';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { ChildEras } from './child-era.ts';
import { openEraRows } from './era-rows.ts';

/** Which eras commands speak: finding out starts a command once more than it is needed, so it is remembered. */
export interface Eras {
  /** `undefined` when there is none that holds. */
  recall(tenant: string, upstream: StdioUpstream): Promise<ChildEras | undefined>;
  /** Add to what is known; its date is that of what was known first. */
  remember(tenant: string, upstream: StdioUpstream, found: ChildEras): Promise<void>;
  forget(tenant: string, upstream: StdioUpstream): Promise<void>;
}

/** Open what is known. */
export function openEras(tables: Tables, now: () => number): Eras {
  const { recall, remember, forget } = openEraRows<ChildEras>(tables, now);
  return {
    recall: async (tenant, upstream) => (await recall(tenant, upstream))?.known,
    async remember(tenant, upstream, found) {
      const before = await recall(tenant, upstream);
      const known = { ...before?.known, ...found };
      await remember(tenant, upstream, { known, atMs: before?.atMs ?? now() });
    },
    forget,
  };
}
