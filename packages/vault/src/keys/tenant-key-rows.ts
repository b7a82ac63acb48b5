import { refuse } from '../refusal.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Item, ItemOf, Query } from '../store/tables.ts';
import type { KeyContext } from './provider.ts';
import type { WrapName } from './key-providers.ts';

// A row of `tenant_keys`: one version of a tenant's key, wrapped by the root.
//
//   tenant · version (six digits) · provider · keyRef · wrapped (base64url) · suite · commitment (base64url) · createdAtMs
//   · job, that made or wrapped it last · also { provider, keyRef, wrapped }, while the tenant moves
//
// The provider binds deployment, tenant, purpose and version; the commitment is compared at every unwrap, so that no
// provider, and nobody who can write the table, can put another key in its place. Rows older than the attribute name no
// provider.

const purpose = 'tenant';
/** Suite under which tenant keys wrap. */
export const tenantKeySuite = 1;
/** The version of a tenant's first key. */
export const firstVersion = '000001';
const lastVersion = '999999';

/** A wrapped key and who wrapped it. */
export interface Wrap extends WrapName {
  readonly wrapped: Uint8Array;
}

/** A row, checked for its form. */
export interface TenantKeyRow extends Wrap {
  readonly tenant: string;
  readonly version: string;
  /** 32 bytes. */
  readonly commitment: Uint8Array;
  readonly createdAtMs: number;
  /** Id of the rotation that made it, or wrapped it last; `undefined`: none did. */
  readonly job: string | undefined;
  /** A second wrap of the same key; `undefined` but while the tenant moves. */
  readonly also: Wrap | undefined;
}

/** Rows of keys in a tenant's partition, and not the row of its state. */
export function versionsOf(tenant: string): Pick<Query<'tenant_keys'>, 'partition' | 'range'> {
  return { partition: tenant, range: { between: [firstVersion, lastVersion] } };
}

/** The version after this one. @throws Refusal `key_unavailable` after the last */
export function nextVersion(tenant: string, version: string): string {
  if (version >= lastVersion) throw unusableRow(tenant, version, 'no version comes after it');
  return String(Number(version) + 1).padStart(firstVersion.length, '0');
}

/** What a provider binds. */
export function keyContextOf(
  { deployment }: { readonly deployment: string },
  tenant: string,
  version: string,
): KeyContext {
  return { deployment, tenant, purpose, version };
}

/** @throws Refusal `key_unavailable` for what is not a row of a key */
export function tenantKeyRow(item: ItemOf<'tenant_keys'>): TenantKeyRow {
  const { tenant, version, commitment, createdAtMs, job, also }: ItemOf<'tenant_keys'> & Item = item;
  const wrap = wrapIn(item);
  if (wrap === undefined || typeof commitment !== 'string' || !/^\d{6}$/u.test(version))
    throw unusableRow(tenant, version, 'not a row of a key');
  if (item.suite !== tenantKeySuite || typeof createdAtMs !== 'number')
    throw unusableRow(tenant, version, 'not a row of a key');
  return {
    tenant,
    version,
    ...wrap,
    commitment: Buffer.from(commitment, 'base64url'),
    createdAtMs,
    job: typeof job === 'string' ? job : undefined,
    also: also === undefined ? undefined : wrapIn(also),
  };
}

/** The row as it lies in the store. */
export function tenantKeyItem(row: TenantKeyRow): ItemOf<'tenant_keys'> {
  const { tenant, version, commitment, createdAtMs, job, also } = row;
  return {
    tenant,
    version,
    ...wrapItem(row),
    suite: tenantKeySuite,
    commitment: toText(commitment),
    createdAtMs,
    ...(job === undefined ? {} : { job }),
    ...(also === undefined ? {} : { also: wrapItem(also) }),
  };
}

/** The refusal of a row that gives no key. */
export function unusableRow(tenant: string, version: string, detail: string, cause?: unknown): Error {
  return refuse(
    'key_unavailable',
    'the key of this tenant cannot be opened with the root key in use; its row or the root key was changed',
    `tenant_keys ${tenant}/${version}: ${detail}`,
    cause,
  );
}

function wrapItem({ provider, keyRef, wrapped }: Wrap) {
  return { ...(provider === undefined ? {} : { provider }), keyRef, wrapped: toText(wrapped) };
}

function wrapIn(value: unknown): Wrap | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { provider, keyRef, wrapped } = value as Record<string, unknown>;
  if (typeof keyRef !== 'string' || typeof wrapped !== 'string') return undefined;
  if (provider !== undefined && typeof provider !== 'string') return undefined;
  try {
    return { provider, keyRef, wrapped: fromText(wrapped) };
  } catch {
    return undefined;
  }
}
