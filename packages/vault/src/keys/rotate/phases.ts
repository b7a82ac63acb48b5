import { everyPage } from '../../store/every-page.ts';
import { tableSpecs, type TableName } from '../../store/spec.ts';
import type { Item, ItemOf, Page, Tables } from '../../store/tables.ts';
import { sealedFields } from '../sealed-fields.ts';
import { systemTenant } from '../system-tenant.ts';
import { firstVersion } from '../tenant-key-rows.ts';
import { stateVersion } from '../tenant-state.ts';
import { mintDataKeys } from './data-keys.ts';
import type { KeyWork } from './job-row.ts';
import { moveRow, providerNamed, settleRow } from './move.ts';
import { activeIds, resealDeployment, resealItem } from './reseal.ts';
import { rewrapRow } from './root.ts';
import type { Stepped, WorkParts } from './step.ts';
import { rotateTenantKey } from './tenant-key.ts';

// What each kind of work goes through, page by page. All of it can be done twice: a row that is done says so.

const pageRows = 50;

/** One thing to do. */
export interface PhaseRow {
  /** Opaque ids only: it is shown when it fails. */
  readonly name: string;
  step(): Promise<Stepped>;
}

/** One page of a phase. `cursor` is `undefined` on the last one. */
export interface PhasePage {
  readonly rows: readonly PhaseRow[];
  readonly cursor: string | undefined;
}

/** A part of the work. */
export interface Phase {
  readonly name: string;
  /** Whether it goes on until it finds nothing: others may add to it until they hear of the new keys. */
  readonly repeats: boolean;
  /** How many rows there are now; `undefined`: nobody counts them. */
  readonly count: ((tables: Tables) => Promise<number>) | undefined;
  read(parts: WorkParts, cursor: string | undefined): Promise<PhasePage>;
}

/** The phases of a piece of work. @throws Refusal `key_unavailable` for a move to a provider that is not set up */
export function phasesOf(
  parts: Pick<WorkParts, 'providers'>,
  { kind, tenant, to = '' }: KeyWork,
): readonly Phase[] {
  switch (kind) {
    case 'root':
      return [rowsOfKeys('wrapping keys anew', tenant, rewrapRow)];
    case 'move': {
      const target = providerNamed(parts, to);
      return [rowsOfKeys('moving keys', tenant, (each, key) => moveRow(each, key, target))];
    }
    case 'settle': {
      const target = providerNamed(parts, to);
      return [rowsOfKeys('ending second wraps', tenant, (each, key) => settleRow(each, key, target))];
    }
    case 'tenant-key':
      return [tenants('making tenant keys', tenant, rotateTenantKey)];
    case 'data-keys': {
      const tables = Object.keys(sealedFields) as (keyof typeof sealedFields)[];
      const deployment = tenant === undefined || tenant === systemTenant ? [deploymentPhase] : [];
      const resealed = tables.map((table) => tablePhase(table, tenant));
      return [tenants('making data keys', tenant, mintDataKeys), ...resealed, ...deployment];
    }
  }
}

type KeyRow = ItemOf<'tenant_keys'>;

function rowsOfKeys(
  name: string,
  tenant: string | undefined,
  step: (parts: WorkParts, key: { readonly tenant: string; readonly version: string }) => Promise<Stepped>,
): Phase {
  const isKey = ({ version }: KeyRow): boolean => version !== stateVersion;
  return {
    name,
    repeats: false,
    count: (tables) => countKeys(tables, tenant, isKey),
    async read(parts, cursor) {
      const page = await readKeys(parts.tables, tenant, { cursor });
      const rows = page.items.filter(({ item }) => isKey(item));
      return {
        cursor: page.cursor,
        rows: rows.map(({ item }) => {
          const key = { tenant: item.tenant, version: item.version };
          return { name: `tenant_keys ${key.tenant}/${key.version}`, step: () => step(parts, key) };
        }),
      };
    },
  };
}

// A tenant is met once, at its first key, which stays for ever.
function tenants(
  name: string,
  only: string | undefined,
  step: (parts: WorkParts, tenant: string) => Promise<Stepped>,
): Phase {
  const isFirst = ({ version }: KeyRow): boolean => version === firstVersion;
  return {
    name,
    repeats: false,
    count: (tables) => countKeys(tables, only, isFirst),
    async read(parts, cursor) {
      const page = await readKeys(parts.tables, only, { cursor });
      const rows = page.items.filter(({ item }) => isFirst(item));
      return {
        cursor: page.cursor,
        rows: rows.map(({ item: { tenant } }) => ({
          name: `tenant ${tenant}`,
          step: () => step(parts, tenant),
        })),
      };
    },
  };
}

function tablePhase(table: keyof typeof sealedFields, only: string | undefined): Phase {
  return {
    name: `sealing ${table} anew`,
    repeats: true,
    count: undefined,
    async read(parts, cursor) {
      const page = await readSealed(parts.tables, table, only, cursor);
      const how = { active: activeIds(parts), only };
      return {
        cursor: page.cursor,
        rows: page.items.map((stored) => ({
          name: `${table} ${partitionOf(table, stored.item)}`,
          step: () => resealItem(parts, table, stored, how),
        })),
      };
    },
  };
}

const deploymentPhase: Phase = {
  name: 'sealing the deployment anew',
  repeats: false,
  count: undefined,
  async read(parts) {
    const step = async (): Promise<Stepped> => {
      const all = await resealDeployment(parts, activeIds(parts));
      return all.includes('changed') ? 'changed' : 'already';
    };
    return { rows: [{ name: 'deployment', step }], cursor: undefined };
  },
};

function readKeys(
  tables: Tables,
  tenant: string | undefined,
  { cursor, limit = pageRows }: { readonly cursor?: string | undefined; readonly limit?: number },
): Promise<Page<KeyRow>> {
  const page = { limit, ...(cursor === undefined ? {} : { cursor }) };
  return tenant === undefined
    ? tables.scan('tenant_keys', page)
    : tables.query('tenant_keys', { partition: tenant, ...page });
}

// The other half of a key may hold an address.
function partitionOf(table: TableName, item: Item): string {
  const partition = item[tableSpecs[table].partition];
  return typeof partition === 'string' ? partition : '';
}

// Credentials lie by tenant, so those of one are found without reading any other's.
function readSealed<T extends TableName>(
  tables: Tables,
  table: T,
  only: string | undefined,
  cursor: string | undefined,
): Promise<Page<ItemOf<T>>> {
  const page = { limit: pageRows, ...(cursor === undefined ? {} : { cursor }) };
  return table === 'connections' && only !== undefined
    ? tables.query(table, { partition: only, ...page })
    : tables.scan(table, page);
}

async function countKeys(
  tables: Tables,
  tenant: string | undefined,
  counts: (item: KeyRow) => boolean,
): Promise<number> {
  let counted = 0;
  const pages = everyPage((from) => readKeys(tables, tenant, { limit: 1000, ...from }));
  for await (const { items } of pages) counted += items.filter(({ item }) => counts(item)).length;
  return counted;
}
