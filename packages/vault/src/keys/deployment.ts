import { randomUUID } from 'node:crypto';
import { Refusal, refuse } from '../refusal.ts';
import { mintKeyBytes } from '../seal/key-bytes.ts';
import { fromText, toText } from '../seal/text-form.ts';
import { everyPage } from '../store/every-page.ts';
import type { Item, Tables } from '../store/tables.ts';
import { mintDataKey } from './data-keys.ts';
import { keysInUse, type KeyParts, type KeysInUse } from './keys-in-use.ts';
import { contextAt } from './place.ts';
import { sealingWith } from './sealed-bytes.ts';
import type { Place, Sealer } from './sealer.ts';
import { systemTenant } from './system-tenant.ts';
import { firstVersion } from './tenant-key-rows.ts';
import { mintTenantKey } from './tenant-keys.ts';

// What every process of a deployment shares, in one row that is made once:
//
//   deployment: name = `deployment` · id (UUIDv4) · blindKey (sealed under tenant `_system`) · createdAtMs
//
// The row, the first key of `_system` and its data key are written in one transaction, so of any number of processes
// that start together one makes all of it and the others find it whole. The sealed blind key is also the proof that
// the root key in use belongs to this data: it opens at every start, or nothing starts.

const rowKey = { name: 'deployment' } as const;

/** A secret of the deployment itself: an attribute of a row of its table, sealed as kind `system`. */
export interface DeploymentSecret {
  readonly name: string;
  readonly attribute: string;
}

const blindSecret: DeploymentSecret = { name: rowKey.name, attribute: 'blindKey' };
/** The key by which strangers know what this deployment has stated. */
export const signingSecret: DeploymentSecret = { name: 'signing_key', attribute: 'key' };
/** The key by which strangers know checkpoints of the audit log. */
export const noteSecret: DeploymentSecret = { name: 'audit_note_key', attribute: 'key' };
/** Which tenants' audit logs are held. */
export const holdsSecret: DeploymentSecret = { name: 'audit_holds', attribute: 'holds' };
/** All of them. */
export const deploymentSecrets: readonly DeploymentSecret[] = [
  blindSecret,
  signingSecret,
  noteSecret,
  holdsSecret,
];

/** Where a secret of the deployment lies. */
export function secretPlace({ name, attribute }: DeploymentSecret): Place {
  return {
    tenant: systemTenant,
    subject: '',
    table: 'deployment',
    record: name,
    field: attribute,
    epoch: 0,
  };
}

const blindPlace = secretPlace(blindSecret);

/** A deployment whose keys open. */
export interface Deployment {
  readonly id: string;
  /** 32 bytes; the caller wipes them. */
  readonly blindKey: Buffer;
  readonly keys: KeysInUse;
  readonly sealing: Pick<Sealer, 'seal' | 'open'>;
}

/** Whether any tenant has a key, so that a keyring may no longer be made anew. */
export async function holdsTenantKeys(tables: Tables): Promise<boolean> {
  for await (const { items } of everyPage((from) => tables.scan('tenant_keys', { limit: 1, ...from })))
    if (items.length > 0) return true;
  return false;
}

/**
 * Find the deployment, or make it, and prove that the root key opens it.
 *
 * @throws Refusal `key_unavailable` when the root key does not belong to this data, or part of the data is missing
 */
export async function openDeployment(parts: Omit<KeyParts, 'deployment'>): Promise<Deployment> {
  const row = (await readRow(parts.tables)) ?? (await mintDeployment(parts), await readRow(parts.tables));
  if (row === undefined)
    throw refuse(
      'key_unavailable',
      'this data holds tenant keys but not the deployment they belong to; restore it from a backup',
      'tenant_keys has _system, deployment has no row',
    );
  const { id, blindKey: sealed } = row;
  const owned = { ...parts, deployment: id };
  const keys = keysInUse(owned);
  const sealing = sealingWith(keys, owned);
  try {
    return { id, keys, sealing, blindKey: await sealing.open('system', blindPlace, fromText(sealed)) };
  } catch (error) {
    keys.close();
    if (error instanceof Refusal && error.code !== 'store_unavailable')
      throw refuse(
        'key_unavailable',
        foreign(error),
        `${error.code}: ${error.detail ?? error.message}`,
        error,
      );
    throw error;
  }
}

// A provider that cannot answer says so itself; everything else means that key and data do not belong together.
function foreign(error: Refusal): string {
  const unanswered = error.code === 'key_unavailable' && !(error.cause instanceof Refusal);
  return unanswered
    ? error.message
    : 'the root key in use does not belong to this data; bring back the key it was sealed with, or the data of this key';
}

async function readRow(
  tables: Tables,
): Promise<{ readonly id: string; readonly blindKey: string } | undefined> {
  const stored = await tables.get('deployment', rowKey);
  if (stored === undefined) return undefined;
  const { id, blindKey }: Item = stored.item;
  if (typeof id === 'string' && typeof blindKey === 'string') return { id, blindKey };
  throw refuse('key_unavailable', 'the row of this deployment is damaged; restore it from a backup');
}

// Lost to another process when the first guard fails: the caller reads what that process made.
async function mintDeployment(parts: Omit<KeyParts, 'deployment'>): Promise<void> {
  const owned = { ...parts, deployment: randomUUID() };
  const tenantKey = await mintTenantKey(
    { ...owned, provider: parts.providers.active },
    systemTenant,
    firstVersion,
  );
  const scope = { tenant: systemTenant, kind: 'system', subject: '' } as const;
  const dataKey = mintDataKey(owned, scope, tenantKey.held, undefined);
  const blindKey = mintKeyBytes(parts.random);
  try {
    const context = contextAt(owned.deployment, 'system', blindPlace);
    const sealed = dataKey.held.key.seal('system', context, blindKey);
    const item = { ...rowKey, id: owned.deployment, blindKey: toText(sealed), createdAtMs: parts.now() };
    const steps = [tenantKey.step, ...dataKey.steps];
    await parts.tables.transact([{ put: 'deployment', item, guard: { ifAbsent: true } }, ...steps]);
  } finally {
    blindKey.fill(0);
    tenantKey.held.key.destroy();
    dataKey.held.key.destroy();
  }
}
