import { randomBytes } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import type { Suite } from '../../seal/data-key.ts';
import { everyItem } from '../../store/every-item.ts';
import type { Item, Revision, Tables } from '../../store/tables.ts';

// One row for each piece of work that is not finished, so that of all instances one does it, and whoever comes after one that
// was killed goes on where it was.
//
//   deployment: name = `key_job#<kind>#<tenant or *>` · id · work · leaseUntilMs · phase · cursor · counts · failures · beganAtMs
//
// Nothing rests on the lease alone: every step of the work is conditional on what it read, so two that do it at once come to
// the same.

const prefix = 'key_job#';
/** How long a holder that says nothing is believed to be alive. */
export const leaseMs = 60_000;
const failuresMax = 20;

/** What is to be done. */
export interface KeyWork {
  /** `root`: tenant keys under the active root key. `tenant-key`: new tenant keys. `data-keys`: new data keys, and what they seal. `move`: tenant keys to another provider. `settle`: end the second wraps of a move. */
  readonly kind: 'root' | 'tenant-key' | 'data-keys' | 'move' | 'settle';
  /** `undefined`: every tenant. */
  readonly tenant?: string | undefined;
  /** Of new data keys; `undefined`: stays as it is. */
  readonly suite?: Suite | undefined;
  /** Provider a move leads to. */
  readonly to?: string | undefined;
}

/** What has been done so far. */
export interface KeyCounts {
  /** Rows and values looked at. */
  readonly seen: number;
  /** Of them, changed. */
  readonly changed: number;
  /** Of them, left as they are: of a tenant that is disabled or shredded, or gone meanwhile. */
  readonly skipped: number;
}

/** What could not be done, by opaque names. */
export interface KeyFailure {
  readonly what: string;
  readonly code: string;
}

/** Work that is not finished. */
export interface KeyJob {
  readonly name: string;
  readonly id: string;
  readonly work: KeyWork;
  readonly phase: string;
  /** Where the phase goes on; `undefined`: at its beginning. */
  readonly cursor: string | undefined;
  readonly counts: KeyCounts;
  readonly failures: readonly KeyFailure[];
  readonly beganAtMs: number;
  readonly leaseUntilMs: number;
}

/** Work that this process does. */
export interface HeldJob {
  readonly job: KeyJob;
  /** Whether somebody began it before. */
  readonly resumed: boolean;
  /** Keep how far it is, and the lease. @throws Refusal `key_work_running` when another took it over */
  keep(progress: Partial<Pick<KeyJob, 'phase' | 'cursor' | 'counts' | 'failures'>>): Promise<void>;
  /** Nothing is left to do. */
  finish(): Promise<void>;
  /** Let somebody else go on at once. */
  release(): Promise<void>;
}

interface JobParts {
  readonly tables: Tables;
  readonly now: () => number;
}

/**
 * Begin this work, or go on with it.
 *
 * @throws Refusal `key_work_running` when another does it, or other work of this kind on this tenant is not finished
 */
export async function claimJob({ tables, now }: JobParts, work: KeyWork, first: string): Promise<HeldJob> {
  const name = `${prefix}${work.kind}#${work.tenant ?? '*'}`;
  const stored = await tables.get('deployment', { name });
  const found = stored === undefined ? undefined : jobIn(stored.item);
  if (found !== undefined && found.leaseUntilMs > now()) throw running();
  if (found !== undefined && (found.work.suite !== work.suite || found.work.to !== work.to))
    throw refuse(
      'key_work_running',
      `this was begun in another way and is not finished: ${inWords(found.work)}`,
    );
  const job: KeyJob = found ?? {
    name,
    id: randomBytes(9).toString('base64url'),
    work,
    phase: first,
    cursor: undefined,
    counts: { seen: 0, changed: 0, skipped: 0 },
    failures: [],
    beganAtMs: now(),
    leaseUntilMs: 0,
  };
  return hold({ tables, now }, job, { found: found !== undefined, revision: stored?.revision });
}

/** Every work that is not finished. */
export async function unfinishedJobs(tables: Tables): Promise<readonly KeyJob[]> {
  const jobs: KeyJob[] = [];
  for await (const item of everyItem(tables, 'deployment'))
    if (item.name.startsWith(prefix)) jobs.push(jobIn(item));
  return jobs;
}

/** The work, as the command line names it. */
export function inWords({ kind, tenant, suite, to }: KeyWork): string {
  const who = tenant === undefined ? '' : ` --tenant ${tenant}`;
  if (kind === 'move') return `keys move${who} --to ${to ?? ''}`;
  if (kind === 'settle') return `keys move${who} --to ${to ?? ''} --settle`;
  return `keys rotate --${kind}${who}${suite === undefined ? '' : ` --suite ${suite}`}`;
}

async function hold(
  { tables, now }: JobParts,
  begun: KeyJob,
  before: { readonly found: boolean; readonly revision: Revision | undefined },
): Promise<HeldJob> {
  let job = begun;
  let revision = before.revision;
  const write = async (next: KeyJob, absent = false): Promise<void> => {
    const guard = absent ? ({ ifAbsent: true } as const) : { ifRevision: revision };
    const written = await tables.put('deployment', itemOf(next), guard);
    if (written === undefined) throw running();
    revision = written;
    job = next;
  };
  await write({ ...job, leaseUntilMs: now() + leaseMs }, !before.found);
  return {
    get job() {
      return job;
    },
    resumed: before.found,
    keep: (progress) => write({ ...job, ...progress, leaseUntilMs: now() + leaseMs }),
    async finish() {
      await tables.remove('deployment', { name: job.name }, { ifRevision: revision });
    },
    release: () => write({ ...job, leaseUntilMs: 0 }),
  };
}

function running(): Error {
  return refuse('key_work_running', 'this work is being done already; look at it with: sealgate keys status');
}

function itemOf({ work, cursor, failures, ...job }: KeyJob): { readonly name: string } & Item {
  const { kind, tenant = null, suite = null, to = null } = work;
  return {
    ...job,
    counts: { ...job.counts },
    work: { kind, tenant, suite, to },
    cursor: cursor ?? null,
    failures: failures.slice(0, failuresMax).map((failure) => ({ ...failure })),
  };
}

// Written by this code alone; of a later version's row nothing is understood, and nothing is done.
function jobIn(item: Item): KeyJob {
  const { work, cursor, leaseUntilMs } = item;
  if (typeof work !== 'object' || work === null || typeof leaseUntilMs !== 'number')
    throw refuse(
      'key_unavailable',
      'the row of unfinished work on keys is damaged',
      typeof item['name'] === 'string' ? item['name'] : undefined,
    );
  const { kind, tenant, suite, to } = work as Readonly<Record<string, unknown>>;
  return {
    ...(item as unknown as KeyJob),
    work: { kind, tenant: tenant ?? undefined, suite: suite ?? undefined, to: to ?? undefined } as KeyWork,
    cursor: typeof cursor === 'string' ? cursor : undefined,
  };
}
