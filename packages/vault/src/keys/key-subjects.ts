import { everyPage } from '../store/every-page.ts';
import type { Tables } from '../store/tables.ts';
import { scopeOfRow } from './data-keys.ts';
import type { PlacedKind } from './sealer.ts';

const tenantsMax = 64;

/** Says whose a data key is. */
export interface KeySubjects {
  /**
   * @param id of the key, base64url, as it stands in the header of what it sealed
   * @returns `undefined` when there is no such key, or it was destroyed
   */
  of(tenant: string, id: string): Promise<string | undefined>;
}

/**
 * Whose data keys of this kind are, by their rows: when a person's keys are destroyed, nothing says any more what was theirs.
 * Asked for a key that is not known, the rows of the tenant are read anew.
 */
export function keySubjects(tables: Tables, kind: PlacedKind): KeySubjects {
  const known = new Map<string, Map<string, string | undefined>>();
  const read = async (tenant: string) => {
    const subjects = new Map<string, string | undefined>();
    const wanted = { partition: tenant, range: { beginsWith: `${kind}#` }, limit: 1000 };
    for await (const { items } of everyPage((from) => tables.query('data_keys', { ...wanted, ...from })))
      for (const { item } of items) {
        const row = scopeOfRow(tenant, item.dataKey);
        if (row !== undefined && row.last !== 'active') subjects.set(row.last, row.scope.subject);
      }
    if (known.size >= tenantsMax) known.clear();
    known.set(tenant, subjects);
    return subjects;
  };
  return {
    async of(tenant, id) {
      const of = known.get(tenant);
      if (of?.has(id) === true) return of.get(id);
      const subjects = await read(tenant);
      // What is gone stays gone: it is not looked for again and again.
      if (!subjects.has(id)) subjects.set(id, undefined);
      return subjects.get(id);
    },
  };
}
