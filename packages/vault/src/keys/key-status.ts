import { everyItem } from '../store/every-item.ts';
import type { KeyCore } from './key-core.ts';
import type { RootKey } from './provider.ts';
import { inWords, unfinishedJobs, type KeyCounts } from './rotate/job-row.ts';
import { systemTenant } from './system-tenant.ts';
import { stateIn, stateVersion, type TenantKeyState } from './tenant-state.ts';

const namedMax = 100;

/** Rows of tenant keys under one root key. */
export interface KeyHolding {
  /** As `KEY_PROVIDER` names it; `undefined`: the rows are older than the attribute. */
  readonly provider: string | undefined;
  readonly keyRef: string;
  readonly rows: number;
}

/** What the keys say of themselves, for an administrator. */
export interface KeyStatus {
  readonly deployment: string;
  /** New tenants are wrapped by it. */
  readonly active: string;
  /** A provider that cannot answer now has no roots. */
  readonly providers: readonly { readonly name: string; readonly roots: readonly RootKey[] }[];
  /** Tenants that have a key, the deployment itself not counted. */
  readonly tenants: number;
  readonly holdings: readonly KeyHolding[];
  /** Rows that have a second wrap: their move is not settled. */
  readonly moving: number;
  /** Tenants that are not live; the first hundred of them. */
  readonly states: readonly { readonly tenant: string; readonly state: TenantKeyState }[];
  readonly unfinished: readonly UnfinishedWork[];
}

/** Work that was begun. */
export interface UnfinishedWork extends KeyCounts {
  /** The command that goes on with it. */
  readonly command: string;
  readonly phase: string;
  /** Whether somebody is at it now. */
  readonly running: boolean;
  readonly beganAtMs: number;
}

/** Read every row of a tenant key: for an administrator, not for a request. @throws Refusal `store_unavailable` */
export async function keyStatus({ tables, providers, deployment, now }: KeyCore): Promise<KeyStatus> {
  const holdings = new Map<string, KeyHolding>();
  const states: { tenant: string; state: TenantKeyState }[] = [];
  const tenants = new Set<string>();
  let moving = 0;
  for await (const item of everyItem(tables, 'tenant_keys')) {
    if (item.version === stateVersion) {
      const { state } = stateIn(item);
      if (state !== 'live' && states.length < namedMax) states.push({ tenant: item.tenant, state });
      continue;
    }
    if (item.tenant !== systemTenant) tenants.add(item.tenant);
    if (item['also'] !== undefined) moving += 1;
    const provider = typeof item['provider'] === 'string' ? item['provider'] : undefined;
    const keyRef = typeof item['keyRef'] === 'string' ? item['keyRef'] : '';
    const name = JSON.stringify([provider, keyRef]);
    holdings.set(name, { provider, keyRef, rows: (holdings.get(name)?.rows ?? 0) + 1 });
  }
  const unfinished = (await unfinishedJobs(tables)).map(
    ({ work, phase, counts, leaseUntilMs, beganAtMs }) => ({
      command: inWords(work),
      phase,
      running: leaseUntilMs > now(),
      beganAtMs,
      ...counts,
    }),
  );
  const described = providers.all.map(async (each) => ({
    name: each.name,
    // The rest is worth knowing also while a key service is away.
    roots: await each.describe().catch(() => []),
  }));
  return {
    deployment,
    active: providers.active.name,
    providers: await Promise.all(described),
    tenants: tenants.size,
    holdings: [...holdings.values()],
    moving,
    states,
    unfinished,
  };
}
