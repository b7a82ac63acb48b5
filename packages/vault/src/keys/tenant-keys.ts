import { timingSafeEqual } from 'node:crypto';
import { Refusal, refuse } from '../refusal.ts';
import type { DataKey } from '../seal/data-key.ts';
import { openFailed } from '../seal/gcm.ts';
import type { Random } from '../seal/key-bytes.ts';
import { dataKey } from '../seal/open-key.ts';
import type { Step, Tables } from '../store/tables.ts';
import type { HeldKey } from './key-cache.ts';
import type { KeyProviders } from './key-providers.ts';
import type { KeyProvider } from './provider.ts';
import {
  firstVersion,
  keyContextOf,
  tenantKeyItem,
  tenantKeyRow,
  tenantKeySuite,
  unusableRow,
  versionsOf,
  type TenantKeyRow,
  type Wrap,
} from './tenant-key-rows.ts';
import { stateCheck, type TenantState } from './tenant-state.ts';

const attemptsMax = 3;

/** What tenant keys are kept with. */
export interface TenantKeyParts {
  readonly deployment: string;
  readonly tables: Tables;
  readonly providers: KeyProviders;
  readonly now: () => number;
  readonly random: Random | undefined;
}

/** What a tenant key is minted with. */
export interface TenantMintParts extends Omit<TenantKeyParts, 'providers'> {
  /** Wraps it. */
  readonly provider: KeyProvider;
  /** The rotation that mints it. */
  readonly job?: string | undefined;
}

/** The newest key of the tenant, minted when it has none. @param usable its state, read anew; refuses one without use */
export async function newestTenantKey(
  parts: TenantKeyParts,
  tenant: string,
  usable: () => Promise<TenantState>,
): Promise<HeldKey> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const newest = await newestRow(parts, tenant);
    if (newest !== undefined) return unwrapTenantKey(parts, newest);
    const state = await usable();
    const { held, step } = await mintTenantKey(
      { ...parts, provider: parts.providers.active },
      tenant,
      firstVersion,
    );
    if ((await parts.tables.transact([step, stateCheck(tenant, state)])).done) return held;
    // Another process was faster, and its key is the tenant's; or the tenant may have no key any more.
    held.key.destroy();
  }
  throw refuse(
    'key_unavailable',
    'the key of this tenant cannot be made; try again',
    `tenant_keys of ${tenant} changes`,
  );
}

/** The row of the tenant's newest key. `undefined` when it has none. */
export async function newestRow(
  { tables }: Pick<TenantKeyParts, 'tables'>,
  tenant: string,
): Promise<TenantKeyRow | undefined> {
  const page = await tables.query('tenant_keys', { ...versionsOf(tenant), descending: true, limit: 1 });
  const newest = page.items[0];
  return newest === undefined ? undefined : tenantKeyRow(newest.item);
}

/**
 * One version of the tenant's key.
 *
 * @throws Refusal `open_failed` when there is no such version (a record may have named it), `key_unavailable` when it does not open
 */
export async function tenantKeyOf(parts: TenantKeyParts, tenant: string, version: string): Promise<HeldKey> {
  const row = await parts.tables.get('tenant_keys', { tenant, version });
  if (row === undefined) throw openFailed('the tenant has no key of this version');
  return unwrapTenantKey(parts, tenantKeyRow(row.item));
}

/** A fresh key, and the step that keeps it if there is none of this version. */
export async function mintTenantKey(
  { provider, job, ...parts }: TenantMintParts,
  tenant: string,
  version: string,
): Promise<{ readonly held: HeldKey; readonly step: Step }> {
  const context = keyContextOf(parts, tenant, version);
  const { plaintext, wrapped, keyRef } = await provider.generate({ tenant, context });
  const key = inUse(plaintext, parts);
  const createdAtMs = parts.now();
  const item = tenantKeyItem({
    tenant,
    version,
    provider: provider.name,
    keyRef,
    wrapped,
    commitment: key.commitment,
    createdAtMs,
    job,
    also: undefined,
  });
  return {
    held: { key, version, createdAtMs, live: true },
    step: { put: 'tenant_keys', item, guard: { ifAbsent: true } },
  };
}

/**
 * The key of a row. While the tenant moves, either of its two wraps will do.
 *
 * @throws Refusal `key_unavailable`
 */
async function unwrapTenantKey(parts: TenantKeyParts, row: TenantKeyRow): Promise<HeldKey> {
  const key = await unwrapWrap(parts, row, row).catch(async (error: unknown) => {
    const other = row.also;
    if (other === undefined) throw error;
    return unwrapWrap(parts, row, other).catch(() => Promise.reject(error));
  });
  return { key, version: row.version, createdAtMs: row.createdAtMs, live: true };
}

/**
 * Put the key of one wrap of a row into use. The caller destroys it.
 *
 * @throws Refusal `key_unavailable`, also when it is another key than the row's
 */
export async function unwrapWrap(parts: TenantKeyParts, row: TenantKeyRow, wrap: Wrap): Promise<DataKey> {
  const key = inUse(await plaintextOf(parts, row, wrap), parts);
  if (sameCommitment(key, row)) return key;
  key.destroy();
  throw unusableRow(row.tenant, row.version, 'the commitment differs');
}

/**
 * The bytes of one wrap of a row, which the caller wipes. Whoever uses them compares the commitment.
 *
 * @throws Refusal `key_unavailable`
 */
export async function plaintextOf(parts: TenantKeyParts, row: TenantKeyRow, wrap: Wrap): Promise<Buffer> {
  const { tenant, version } = row;
  const provider = await parts.providers.holding(wrap);
  if (provider === undefined)
    throw refuse(
      'key_unavailable',
      `the key of this tenant was wrapped by the provider ${wrap.provider ?? ''}, which is not set up here; bring back its variables`,
      `tenant_keys ${tenant}/${version}`,
    );
  const { keyRef, wrapped } = wrap;
  try {
    const context = keyContextOf(parts, tenant, version);
    return await provider.unwrap({ tenant, keyRef, wrapped, context });
  } catch (error) {
    // Not the record's fault: `open_failed` is said of records alone.
    if (error instanceof Refusal && error.code !== 'key_unavailable')
      throw unusableRow(tenant, version, `${error.code}: ${error.detail ?? error.message}`, error);
    throw error;
  }
}

/** Whether it is the key that the row was made for. */
function sameCommitment(key: DataKey, { commitment }: TenantKeyRow): boolean {
  return commitment.length === key.commitment.length && timingSafeEqual(commitment, key.commitment);
}

/** A tenant key in use. The bytes are taken over and wiped. */
function inUse(plaintext: Buffer, { random }: Pick<TenantKeyParts, 'random'>): DataKey {
  return dataKey(plaintext, tenantKeySuite, random === undefined ? {} : { random });
}
