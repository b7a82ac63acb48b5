import { Refusal, refuse } from '../../refusal.ts';
import { tableSpecs, type TableName } from '../../store/spec.ts';
import type { KeyCore } from '../key-core.ts';
import { systemTenant } from '../system-tenant.ts';
import { changeTenantState } from '../tenant-state.ts';
import { keepJob, readJob, type Job, type KeptJob, type Shredded } from './job.ts';
import {
  barPerson,
  destroyPersonKeys,
  destroyTenantKeys,
  hasTenantKeys,
  tenantsWithKeysOf,
} from './key-rows.ts';
import { removeSealedRows } from './sealed-rows.ts';
import {
  receiptFormat,
  signReceipt,
  type BackupNote,
  type ShreddingReceipt,
  type SignedReceipt,
  type StorageNote,
} from './shredding-receipt.ts';
import { openSigningKey } from './signing-key.ts';

// Destroying all keys of a tenant, or of a person, and with them whatever was sealed under them, wherever it lies. First
// nobody makes or opens a key any more, then the rows go, then the store forgets what lay in them, and last it is signed
// what was destroyed. Every step may be done twice: one that was killed is started again and goes on.

/** Whose keys are gone, and what copies of them open with. */
export interface DestroyedRoots {
  /** Tenants that went as a whole. */
  readonly tenants: readonly string[];
  /** What had wrapped their keys. Where none went it is the active provider, with an empty `keyRef`. */
  readonly wrappedBy: ShreddingReceipt['wrappedBy'];
}

/** What a shredding is told by whoever orders it. */
export interface ShredOrder {
  /** Of the request that it belongs to, as in the journal. */
  readonly correlation: string;
  /**
   * Removes what else belongs to the tenant or the person. Called before the keys go and once more after it, for what came
   * in between, so it must bear being repeated.
   *
   * @param count to be told what was removed
   */
  readonly remove: (count: (table: string, rows: number) => Promise<void>) => Promise<void>;
  /** Leaves nothing in the store of what was removed from these tables, and says what lies elsewhere. */
  readonly forget: (
    tables: readonly TableName[],
    destroyed: DestroyedRoots,
  ) => Promise<{ readonly storage: StorageNote; readonly backups: readonly BackupNote[] }>;
}

/** A person to be shredded. */
export interface ShreddedPerson {
  readonly subject: string;
  /** Tenants that are theirs alone and go as a whole. */
  readonly tenants: readonly string[];
  /** Tenants in which they were let in, whether they have keys there or not. */
  readonly places: readonly string[];
}

/** Destroys keys for good. */
export interface Shredding {
  /** @param entry of the journal */
  tenant(entry: string, tenant: string, order: ShredOrder): Promise<SignedReceipt>;
  /** @param entry of the journal */
  person(entry: string, person: ShreddedPerson, order: ShredOrder): Promise<SignedReceipt>;
  /** How far one has come, or came; `undefined` when there never was one. */
  find(of: Shredded): Promise<Job | undefined>;
  /** PEM of the key under which receipts are signed. */
  publicKey(): Promise<string>;
}

/** Shredding of these keys. */
export function openShredding(core: KeyCore): Shredding {
  return {
    async tenant(entry, tenant, order) {
      refuseSystem([tenant]);
      const of = { kind: 'tenant', id: tenant } as const;
      const begun = { of, tenants: [tenant], places: [], ...origin(core, entry, order) };
      return (await finished(core, of, order)) ?? shredTenant(core, await keepJob(core.tables, begun), order);
    },
    async person(entry, { subject, tenants, places }, order) {
      refuseSystem(tenants);
      const of = { kind: 'person', id: subject } as const;
      const begun = { of, tenants, places, ...origin(core, entry, order) };
      return (await finished(core, of, order)) ?? shredPerson(core, await keepJob(core.tables, begun), order);
    },
    find: (of) => readJob(core.tables, of),
    publicKey: async () => (await openSigningKey(core)).publicKey,
  };
}

function refuseSystem(tenants: readonly string[]): void {
  if (tenants.includes(systemTenant))
    throw refuse('item_invalid', 'the keys of the deployment itself cannot be destroyed');
}

function origin({ now }: KeyCore, entry: string, { correlation }: ShredOrder) {
  return { startedAtMs: now(), by: { entry, correlation } };
}

// One that is done stays done, unless a key was brought back since.
async function finished(
  { tables, changes }: KeyCore,
  of: Shredded,
  { remove }: ShredOrder,
): Promise<SignedReceipt | undefined> {
  const job = await readJob(tables, of);
  if (job?.receipt === undefined) return undefined;
  for (const tenant of job.tenants) if (await hasTenantKeys(tables, tenant)) return undefined;
  if (of.kind === 'person' && (await tenantsWithKeysOf(tables, of.id)).length > 0) return undefined;
  await remove(async () => undefined);
  // Whoever did it may have died before it said so.
  for (const tenant of [...job.tenants, ...job.places]) await changes.tell(tenant);
  return job.receipt;
}

async function shredTenant(core: KeyCore, kept: KeptJob, order: ShredOrder): Promise<SignedReceipt> {
  await bar(core, kept);
  await order.remove(kept.count);
  return destroy(core, kept, order, undefined);
}

async function shredPerson(core: KeyCore, kept: KeptJob, order: ShredOrder): Promise<SignedReceipt> {
  const { of, tenants, places } = kept.now();
  // First they cannot come in any more, so that nothing new is sealed for them.
  await order.remove(kept.count);
  await bar(core, kept);
  const known = new Set([...places, ...(await tenantsWithKeysOf(core.tables, of.id))]);
  for (const tenant of known) if (!tenants.includes(tenant)) await barIn(core, tenant, of.id);
  return destroy(core, kept, order, of.id);
}

// The tombstone is the first thing: from here on no key of the tenant is made or opened, whatever happens.
async function bar(core: KeyCore, kept: KeptJob): Promise<void> {
  for (const tenant of kept.now().tenants) {
    await changeTenantState(core, tenant, { state: 'shredded' });
    await core.changes.tell(tenant);
  }
}

async function barIn(core: KeyCore, tenant: string, subject: string): Promise<void> {
  await barPerson(core.tables, tenant, subject);
  try {
    // Has every instance drop the keys of the tenant, theirs among them.
    await changeTenantState(core, tenant, {});
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'key_shredded')) throw error;
  }
  await core.changes.tell(tenant);
}

async function destroy(
  core: KeyCore,
  kept: KeptJob,
  order: ShredOrder,
  subject: string | undefined,
): Promise<SignedReceipt> {
  const { tables } = core;
  const { tenants } = kept.now();
  for (const tenant of tenants) await destroyTenantKeys(tables, kept, tenant);
  if (subject !== undefined) await destroyPersonKeys(tables, kept, subject);
  await removeSealedRows(tables, { tenants, subject }, kept.count);
  await order.remove(kept.count);
  const touched = Object.keys(kept.now().removed).filter((name) => Object.hasOwn(tableSpecs, name));
  const known = kept.now().wrappedBy;
  const wrappedBy = known.length === 0 ? [{ provider: core.providers.active.name, keyRef: '' }] : known;
  const tablesTouched = new Set<TableName>(['tenant_keys', 'data_keys', ...(touched as TableName[])]);
  const { storage, backups } = await order.forget([...tablesTouched], { tenants, wrappedBy });
  const key = await openSigningKey(core);
  const receipt = signReceipt(key, receiptOf(core, kept.now(), { storage, backups }));
  // Of two that did it at once the first has signed.
  const job = await kept.change((before) => ({ ...before, receipt: before.receipt ?? receipt }));
  return job.receipt ?? receipt;
}

function receiptOf(
  { deployment, now }: KeyCore,
  job: Job,
  notes: Pick<ShreddingReceipt, 'storage' | 'backups'>,
): ShreddingReceipt {
  const { id, of, tenants, startedAtMs, by, tenantKeys, dataKeys, listed, digest, removed, wrappedBy } = job;
  return {
    format: receiptFormat,
    id,
    deployment,
    of,
    tenants,
    startedAt: new Date(startedAtMs).toISOString(),
    finishedAt: new Date(now()).toISOString(),
    by,
    keys: { tenantKeys, dataKeys, listed, digest },
    removed,
    wrappedBy,
    ...notes,
  };
}
