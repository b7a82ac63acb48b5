import { changeTenantState, readTenantState } from '../tenant-state.ts';
import { nextVersion } from '../tenant-key-rows.ts';
import { mintTenantKey, newestRow } from '../tenant-keys.ts';
import { rewrapDataKeys } from './data-key-wraps.ts';
import { untilWritten, type Stepped, type WorkParts } from './step.ts';

// A new version of a tenant's key, from the provider that has its newest one. The version and a new epoch are written
// together, and no data key is minted under the condition of an older epoch: so once all data keys that there are have been
// wrapped anew, none is left under an older version. Older versions stay, for records that carry their own key.

/** @throws Refusal `key_unavailable` */
export async function rotateTenantKey(parts: WorkParts, tenant: string): Promise<Stepped> {
  const minted = await untilWritten(() => mintVersion(parts, tenant));
  if (minted === 'skipped') return minted;
  const rewrapped = await rewrapDataKeys(parts, tenant);
  return minted === 'changed' || rewrapped > 0 ? 'changed' : 'already';
}

async function mintVersion(parts: WorkParts, tenant: string): Promise<Stepped | undefined> {
  if ((await readTenantState(parts.tables, tenant)).state !== 'live') return 'skipped';
  const newest = await newestRow(parts, tenant);
  if (newest === undefined) return 'skipped';
  if (newest.job === parts.job) return 'already';
  const provider = (await parts.providers.holding(newest)) ?? parts.providers.active;
  const version = nextVersion(tenant, newest.version);
  const { held, step } = await mintTenantKey({ ...parts, provider }, tenant, version);
  held.key.destroy();
  const changed = await changeTenantState(parts, tenant, {}, [step]);
  if (changed === undefined) return undefined;
  await parts.changes.tell(tenant);
  return 'changed';
}
