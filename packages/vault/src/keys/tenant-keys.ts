import { timingSafeEqual } from 'node:crypto';
import { Refusal, refuse } from '../refusal.ts';
import type { DataKey } from '../seal/data-key.ts';
import { openFailed } from '../seal/gcm.ts';
import type { Random } from '../seal/key-bytes.ts';
import { dataKey } from '../seal/open-key.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Item, ItemOf, Step, Tables } from '../store/tables.ts';
import type { HeldKey } from './key-cache.ts';
import type { KeyContext, KeyProvider } from './provider.ts';

// A row of `tenant_keys`: one version of a tenant's key, wrapped by the root.
//
//   tenant · version (six digits) · keyRef · wrapped (base64url) · suite · commitment (base64url) · createdAtMs
//
// The provider binds deployment, tenant, purpose and version; the commitment is compared here, so that no provider,
// and nobody who can write the table, can put another key in its place.

const purpose = 'tenant';
const suite = 1;
/** The version of a tenant's first key. */
export const firstVersion = '000001';

/** What tenant keys are kept with. */
export interface TenantKeyParts {
  readonly deployment: string;
  readonly tables: Tables;
  readonly provider: Pick<KeyProvider, 'generate' | 'unwrap'>;
  readonly now: () => number;
  readonly random: Random | undefined;
}

/** The newest key of the tenant, minted when it has none. */
export async function newestTenantKey(parts: TenantKeyParts, tenant: string): Promise<HeldKey> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const page = await parts.tables.query('tenant_keys', { partition: tenant, descending: true, limit: 1 });
    const newest = page.items[0];
    if (newest !== undefined) return unwrapTenantKey(parts, newest.item);
    const { held, step } = await mintTenantKey(parts, tenant, firstVersion);
    if ((await parts.tables.transact([step])).done) return held;
    // Another process was faster; its key is the tenant's.
    held.key.destroy();
  }
  throw refuse(
    'key_unavailable',
    'the key of this tenant cannot be made; try again',
    `tenant_keys of ${tenant} changes`,
  );
}

/**
 * One version of the tenant's key.
 *
 * @throws Refusal `open_failed` when there is no such version (a record may have named it), `key_unavailable` when it does not open
 */
export async function tenantKeyOf(parts: TenantKeyParts, tenant: string, version: string): Promise<HeldKey> {
  const row = await parts.tables.get('tenant_keys', { tenant, version });
  if (row === undefined) throw openFailed('the tenant has no key of this version');
  return unwrapTenantKey(parts, row.item);
}

/** A fresh key, and the step that keeps it if there is none of this version. */
export async function mintTenantKey(
  parts: TenantKeyParts,
  tenant: string,
  version: string,
): Promise<{ readonly held: HeldKey; readonly step: Step }> {
  const context = contextOf(parts, tenant, version);
  const { plaintext, wrapped, keyRef } = await parts.provider.generate({ tenant, context });
  const key = inUse(plaintext, parts);
  const createdAtMs = parts.now();
  const commitment = toText(key.commitment);
  const item = { tenant, version, keyRef, wrapped: toText(wrapped), suite, commitment, createdAtMs };
  return {
    held: { key, version, createdAtMs, live: true },
    step: { put: 'tenant_keys', item, guard: { ifAbsent: true } },
  };
}

async function unwrapTenantKey(parts: TenantKeyParts, item: ItemOf<'tenant_keys'>): Promise<HeldKey> {
  const { tenant, version } = item;
  const row = checkedRow(item);
  let plaintext: Buffer;
  try {
    const context = contextOf(parts, tenant, version);
    plaintext = await parts.provider.unwrap({
      tenant,
      keyRef: row.keyRef,
      wrapped: fromText(row.wrapped),
      context,
    });
  } catch (error) {
    // Not the record's fault: `open_failed` is said of records alone.
    if (error instanceof Refusal && error.code !== 'key_unavailable')
      throw unusable(tenant, version, `${error.code}: ${error.detail ?? error.message}`, error);
    throw error;
  }
  const key = inUse(plaintext, parts);
  const expected = Buffer.from(row.commitment, 'base64url');
  if (expected.length !== key.commitment.length || !timingSafeEqual(expected, key.commitment)) {
    key.destroy();
    throw unusable(tenant, version, 'the commitment differs');
  }
  return { key, version, createdAtMs: row.createdAtMs, live: true };
}

function inUse(plaintext: Buffer, { random }: TenantKeyParts): DataKey {
  return dataKey(plaintext, suite, random === undefined ? {} : { random });
}

function contextOf({ deployment }: TenantKeyParts, tenant: string, version: string): KeyContext {
  return { deployment, tenant, purpose, version };
}

function checkedRow(item: ItemOf<'tenant_keys'>) {
  const { tenant, version, keyRef, wrapped, commitment, createdAtMs }: ItemOf<'tenant_keys'> & Item = item;
  if (typeof keyRef !== 'string' || typeof wrapped !== 'string' || typeof commitment !== 'string')
    throw unusable(tenant, version, 'not a row of a key');
  if (item.suite !== suite || typeof createdAtMs !== 'number')
    throw unusable(tenant, version, 'not a row of a key');
  return { keyRef, wrapped, commitment, createdAtMs };
}

function unusable(tenant: string, version: string, detail: string, cause?: unknown): Error {
  return refuse(
    'key_unavailable',
    'the key of this tenant cannot be opened with the root key in use; its row or the root key was changed',
    `tenant_keys ${tenant}/${version}: ${detail}`,
    cause,
  );
}
