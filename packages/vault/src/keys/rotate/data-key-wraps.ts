import { fromText, toText } from '../../seal/text-form.ts';
import { everyPage } from '../../store/every-page.ts';
import type { ItemOf } from '../../store/tables.ts';
import { checkedRow, openWrapped, scopeOfRow, wrapOf, type DataKeyRow, type Scope } from '../data-keys.ts';
import type { HeldKey } from '../key-cache.ts';
import { droppedInUse } from '../key-loader.ts';
import { untilWritten, type WorkParts } from './step.ts';

// The rows of a tenant's data keys under its newest key. The data keys stay what they are: no record is touched.

const attemptsMax = 5;

/** @returns how many were wrapped anew */
export async function rewrapDataKeys(parts: WorkParts, tenant: string): Promise<number> {
  let changed = 0;
  const pages = everyPage((from) =>
    parts.tables.query('data_keys', { partition: tenant, limit: 200, ...from }),
  );
  for await (const { items } of pages)
    for (const { item } of items) {
      const name = scopeOfRow(tenant, item.dataKey);
      // Pointers, and what another version wrote.
      if (name === undefined || name.last === 'active' || typeof item['wrapped'] !== 'string') continue;
      const { scope, last } = name;
      const stepped = await untilWritten(() => rewrapRow(parts, scope, last, item.dataKey));
      if (stepped === 'changed') changed += 1;
    }
  return changed;
}

async function rewrapRow(parts: WorkParts, scope: Scope, id: string, dataKey: string) {
  const { tenant } = scope;
  const stored = await parts.tables.get('data_keys', { tenant, dataKey });
  if (stored === undefined) return 'skipped';
  const row = checkedRow(stored.item, scope, id);
  const wrapped = await underNewest(parts, scope, row);
  if (wrapped === undefined) return 'already';
  const item: ItemOf<'data_keys'> = { ...stored.item, ...wrapped };
  const written = await parts.tables.put('data_keys', item, { ifRevision: stored.revision });
  return written === undefined ? undefined : 'changed';
}

/** The key of the row under the tenant's newest key. `undefined`: it is so already. */
async function underNewest(parts: WorkParts, scope: Scope, row: DataKeyRow) {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const newest = await parts.keys.tenantKey(scope.tenant);
    if (newest.version === row.kekVersion) return undefined;
    const older = await parts.keys.tenantKey(scope.tenant, row.kekVersion);
    // Seen to be alive in the turn in which they are used.
    if (newest.live && older.live)
      return { kekVersion: newest.version, wrapped: toText(rewrapped(parts, scope, row, { older, newest })) };
  }
  throw droppedInUse();
}

function rewrapped(
  parts: WorkParts,
  scope: Scope,
  row: DataKeyRow,
  { older, newest }: { readonly older: HeldKey; readonly newest: HeldKey },
): Buffer {
  const { commitment } = row;
  const before = { ...wrapOf(parts, scope, row), commitment };
  const wrapped = fromText(row.wrapped);
  // Compares the commitment.
  openWrapped(parts, before, wrapped, older.key).destroy();
  const bytes = older.key.open('data_key', before, wrapped);
  try {
    const after = { ...wrapOf(parts, scope, { ...row, kekVersion: newest.version }), commitment };
    return newest.key.seal('data_key', after, bytes);
  } finally {
    bytes.fill(0);
  }
}
