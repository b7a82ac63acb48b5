import { hash, randomUUID } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import type { Revision, Tables } from '../../store/tables.ts';
import { listedKeysMax, type DestroyedKey, type SignedReceipt } from './shredding-receipt.ts';

// A shredding under way, so that one that was killed goes on where it was and its receipt tells all of it.
//
//   deployment: name = `shredding.<kind>.<id>` · job (JSON)
//
// What is about to be destroyed is noted first, as `pending`; then it is destroyed. Whoever goes on destroys what is
// pending once more, and looks for what is left only then: so nothing is missed and nothing counted twice.

const attemptsMax = 50;

/** What is shredded. */
export interface Shredded {
  readonly kind: 'tenant' | 'person';
  /** A tenant, or the subject of a person. */
  readonly id: string;
}

/** Where a row of keys lies. */
export interface KeyRowName {
  readonly table: DestroyedKey['table'];
  readonly tenant: string;
  /** Its version or its `dataKey`. */
  readonly name: string;
}

/** How far a shredding has come. */
export interface Job {
  readonly id: string;
  readonly of: Shredded;
  /** Tenants that go as a whole. */
  readonly tenants: readonly string[];
  /** Tenants in which a person may have keys: those they were a member of, when it began. */
  readonly places: readonly string[];
  readonly startedAtMs: number;
  readonly by: { readonly entry: string; readonly correlation: string };
  readonly tenantKeys: number;
  readonly dataKeys: number;
  readonly listed: readonly DestroyedKey[];
  readonly digest: string;
  readonly wrappedBy: readonly { readonly provider: string; readonly keyRef: string }[];
  readonly pending: readonly KeyRowName[];
  readonly removed: Readonly<Record<string, number>>;
  /** Set when it is done. */
  readonly receipt?: SignedReceipt;
}

/** A job in its row. */
export interface KeptJob {
  /** As it was last read or written. */
  now(): Job;
  /** @throws Refusal `store_unavailable` when others change it all the time */
  change(next: (job: Job) => Job): Promise<Job>;
  /** Note that rows, or records, were removed. */
  count(table: string, rows: number): Promise<void>;
}

/** What is known of a shredding; `undefined` when there never was one. */
export async function readJob(tables: Tables, of: Shredded): Promise<Job | undefined> {
  return (await read(tables, of))?.job;
}

/** Go on with the one that is under way, or begin anew. */
export async function keepJob(
  tables: Tables,
  begun: Pick<Job, 'of' | 'tenants' | 'places' | 'startedAtMs' | 'by'>,
): Promise<KeptJob> {
  const fresh: Job = {
    id: randomUUID(),
    ...begun,
    tenantKeys: 0,
    dataKeys: 0,
    listed: [],
    digest: '',
    wrappedBy: [],
    pending: [],
    removed: {},
  };
  let found = await read(tables, begun.of);
  if (found === undefined || found.job.receipt !== undefined) {
    await write(tables, fresh, found === undefined ? { ifAbsent: true } : { ifRevision: found.revision });
    // Whoever lost to another one goes on with that one's.
    found = await read(tables, begun.of);
  }
  if (found === undefined) throw contended();
  let current = found;
  const change: KeptJob['change'] = async (next) => {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const job = next(current.job);
      const revision = await write(tables, job, { ifRevision: current.revision });
      if (revision !== undefined) {
        current = { job, revision };
        return job;
      }
      const other = await read(tables, begun.of);
      if (other === undefined) throw contended();
      current = other;
    }
    throw contended();
  };
  return {
    now: () => current.job,
    change,
    async count(table, rows) {
      if (rows === 0) return;
      await change((job) => ({
        ...job,
        removed: { ...job.removed, [table]: (job.removed[table] ?? 0) + rows },
      }));
    },
  };
}

/** The job with these keys noted as destroyed, and pending until they are. */
export function withPending(job: Job, keys: readonly DestroyedKey[], others: readonly KeyRowName[]): Job {
  const tenantKeys = keys.filter(({ table }) => table === 'tenant_keys').length;
  const room = Math.max(0, listedKeysMax - job.listed.length);
  return {
    ...job,
    tenantKeys: job.tenantKeys + tenantKeys,
    dataKeys: job.dataKeys + keys.length - tenantKeys,
    listed: [...job.listed, ...keys.slice(0, room)],
    digest: keys.reduce((digest, key) => hash('sha256', digest + lineOf(key), 'hex'), job.digest),
    pending: [...keys.map(({ table, tenant, name }) => ({ table, tenant, name })), ...others],
  };
}

/** The line of a key in the digest over all. */
function lineOf({ table, tenant, name, commitmentDigest }: DestroyedKey): string {
  return JSON.stringify([table, tenant, name, commitmentDigest]);
}

function nameOf({ kind, id }: Shredded): { readonly name: string } {
  return { name: `shredding.${kind}.${id}` };
}

async function read(
  tables: Tables,
  of: Shredded,
): Promise<{ readonly job: Job; readonly revision: Revision | undefined } | undefined> {
  const stored = await tables.get('deployment', nameOf(of));
  if (stored === undefined) return undefined;
  return { job: JSON.parse(stored.item['job'] as string) as Job, revision: stored.revision };
}

async function write(
  tables: Tables,
  job: Job,
  guard: { readonly ifAbsent: true } | { readonly ifRevision: Revision | undefined },
): Promise<Revision | undefined> {
  return tables.put('deployment', { ...nameOf(job.of), job: JSON.stringify(job) }, guard);
}

function contended(): Error {
  return refuse('store_unavailable', 'this shredding is being carried out by others; try again');
}
