import type { Stored, Step, Tables } from '../store/tables.ts';

// One row counts every change of a tenant's keys and names the tenants of the last ones, so that an instance that heard
// nothing finds out with one read whether it missed anything, and what.
//
//   deployment: name = `key_changes` · n · recent (tenants, the newest last)

const key = { name: 'key_changes' } as const;
const recentMax = 50;

/** The count, as it was read. */
export interface ChangeCount {
  readonly n: number;
  /** Tenants of the last changes, the newest last. */
  readonly recent: readonly string[];
}

/** The count now. */
export async function readChangeCount(tables: Pick<Tables, 'get'>): Promise<ChangeCount> {
  return countIn(await tables.get('deployment', key));
}

/** The step that counts one more change, of this tenant. Lost when another one was counted meanwhile. */
export async function countedChange(tables: Pick<Tables, 'get'>, tenant: string): Promise<Step> {
  const stored = await tables.get('deployment', key);
  const { n, recent } = countIn(stored);
  return {
    put: 'deployment',
    item: { ...key, n: n + 1, recent: [...recent, tenant].slice(-recentMax) },
    guard: stored === undefined ? { ifAbsent: true } : { ifRevision: stored.revision },
  };
}

/** Tenants that changed between two counts. `undefined`: more than are remembered, or the count went back. */
export function changedSince(seen: number, { n, recent }: ChangeCount): readonly string[] | undefined {
  const missed = n - seen;
  if (missed < 0 || missed > recent.length) return undefined;
  return missed === 0 ? [] : [...new Set(recent.slice(-missed))];
}

function countIn(stored: Stored | undefined): ChangeCount {
  const { n, recent } = stored?.item ?? {};
  const names = Array.isArray(recent) ? recent.filter((name) => typeof name === 'string') : [];
  return { n: typeof n === 'number' ? n : 0, recent: names };
}
