import { hash } from 'node:crypto';
import { kinds } from '../../seal/kinds.ts';
import { everyItem } from '../../store/every-item.ts';
import type { Item, ItemOf, Step, Tables } from '../../store/tables.ts';
import { tombstoneOf } from '../data-keys.ts';
import type { PlacedKind } from '../sealer.ts';
import { versionsOf } from '../tenant-key-rows.ts';
import { withPending, type Job, type KeptJob, type KeyRowName } from './job.ts';
import type { DestroyedKey } from './shredding-receipt.ts';

// The rows that keys lie in, and how they go. A tenant's rows go altogether, for the row of its state stays and keeps new
// ones from being made. A person's go one by one in every tenant; there the pointer of each kind is replaced by a tombstone.

const pageRows = 90;

/** Rows that are to go, and the keys in them. */
interface Doomed {
  readonly keys: readonly DestroyedKey[];
  /** Rows that hold no key. */
  readonly others: readonly KeyRowName[];
  readonly wrappedBy: Job['wrappedBy'];
}

/** Destroy what an earlier attempt had noted, and did perhaps not destroy. */
async function destroyPending(tables: Tables, kept: KeptJob): Promise<void> {
  const { pending } = kept.now();
  if (pending.length === 0) return;
  await tables.transact(pending.map(removal));
  const done = JSON.stringify(pending);
  // Another process may have noted the next ones meanwhile; they are not destroyed yet.
  await kept.change((job) => (JSON.stringify(job.pending) === done ? { ...job, pending: [] } : job));
}

/** Destroy every key of a tenant. */
export async function destroyTenantKeys(tables: Tables, kept: KeptJob, tenant: string): Promise<void> {
  for (;;) {
    await destroyPending(tables, kept);
    const versions = await tables.query('tenant_keys', { ...versionsOf(tenant), limit: pageRows });
    const dataKeys = await tables.query('data_keys', { partition: tenant, limit: pageRows });
    const found = [
      ...versions.items.map(({ item }) => tenantKey(item)),
      ...dataKeys.items.map(({ item }) => dataKey(item)),
    ].slice(0, pageRows);
    if (found.length === 0) return;
    await note(kept, merged(found));
  }
}

/** Destroy every key of a person, in whatever tenant. @returns tenants in which there was one */
export async function destroyPersonKeys(
  tables: Tables,
  kept: KeptJob,
  subject: string,
): Promise<readonly string[]> {
  const tenants = new Set<string>();
  for (;;) {
    await destroyPending(tables, kept);
    const found = await someOf(tables, subject);
    if (found.length === 0) return [...tenants];
    for (const { tenant } of found.flatMap(({ keys }) => keys)) tenants.add(tenant);
    await note(kept, merged(found));
  }
}

/** Tenants in which a person has a data key. */
export async function tenantsWithKeysOf(tables: Tables, subject: string): Promise<readonly string[]> {
  const tenants = new Set<string>();
  for await (const item of rowsOf(tables, subject)) tenants.add(item.tenant);
  return [...tenants];
}

/** Whether any key of the tenant is there. */
export async function hasTenantKeys(tables: Tables, tenant: string): Promise<boolean> {
  const versions = await tables.query('tenant_keys', { ...versionsOf(tenant), limit: 1 });
  const dataKeys = await tables.query('data_keys', { partition: tenant, limit: 1 });
  return versions.items.length + dataKeys.items.length > 0;
}

/** From now on no key of the person is made in this tenant, of whatever kind. */
export async function barPerson(tables: Tables, tenant: string, subject: string): Promise<void> {
  const steps = Object.entries(kinds)
    .filter(([name, { ownKey }]) => !ownKey && name !== 'data_key' && name !== 'tenant_key')
    .map(([kind]) => tombstoneOf({ tenant, subject, kind: kind as PlacedKind }));
  await tables.transact(steps);
}

async function note(kept: KeptJob, { keys, others, wrappedBy }: Doomed): Promise<void> {
  await kept.change((job) => ({
    ...withPending(job, keys, others),
    wrappedBy: uniqueRoots([...job.wrappedBy, ...wrappedBy]),
  }));
}

function uniqueRoots(roots: Job['wrappedBy']): Job['wrappedBy'] {
  return [...new Map(roots.map((root) => [JSON.stringify([root.provider, root.keyRef]), root])).values()];
}

function merged(found: readonly Doomed[]): Doomed {
  return {
    keys: found.flatMap(({ keys }) => keys),
    others: found.flatMap(({ others }) => others),
    wrappedBy: found.flatMap(({ wrappedBy }) => wrappedBy),
  };
}

// As many as go in one transaction, of one pass over all of the table: nothing says in which tenants they are.
async function someOf(tables: Tables, subject: string): Promise<Doomed[]> {
  const found: Doomed[] = [];
  for await (const item of rowsOf(tables, subject)) {
    found.push(dataKey(item));
    if (found.length === pageRows) return found;
  }
  return found;
}

async function* rowsOf(tables: Tables, subject: string): AsyncGenerator<ItemOf<'data_keys'>> {
  const escaped = encodeURIComponent(subject);
  for await (const item of everyItem(tables, 'data_keys')) {
    const [, owner, last] = item.dataKey.split('#');
    // A pointer without a key holds none: it is the tombstone that stays.
    if (owner === escaped && last !== 'active') yield item;
  }
}

function tenantKey(item: ItemOf<'tenant_keys'>): Doomed {
  const { tenant, version, provider, keyRef, also }: ItemOf<'tenant_keys'> & Item = item;
  const key = { table: 'tenant_keys', tenant, name: version, commitmentDigest: digestOf(item) } as const;
  // While it moves, a copy of the row opens with either of two.
  const second =
    typeof also === 'object' && also !== null && 'provider' in also && 'keyRef' in also
      ? [rootOf(also.provider, also.keyRef)]
      : [];
  return { keys: [key], others: [], wrappedBy: [rootOf(provider, keyRef), ...second] };
}

function rootOf(provider: unknown, keyRef: unknown): Job['wrappedBy'][number] {
  return {
    provider: typeof provider === 'string' ? provider : '',
    keyRef: typeof keyRef === 'string' ? keyRef : '',
  };
}

function dataKey(item: ItemOf<'data_keys'>): Doomed {
  const { tenant, dataKey: name } = item;
  const row = { table: 'data_keys', tenant, name } as const;
  if (name.endsWith('#active')) return { keys: [], others: [row], wrappedBy: [] };
  return { keys: [{ ...row, commitmentDigest: digestOf(item) }], others: [], wrappedBy: [] };
}

function digestOf(item: Item): string {
  const { commitment } = item;
  const bytes = Buffer.from(typeof commitment === 'string' ? commitment : '', 'base64url');
  return hash('sha256', bytes, 'hex');
}

function removal({ table, tenant, name }: KeyRowName): Step {
  return table === 'tenant_keys'
    ? { remove: 'tenant_keys', key: { tenant, version: name } }
    : { remove: 'data_keys', key: { tenant, dataKey: name } };
}
