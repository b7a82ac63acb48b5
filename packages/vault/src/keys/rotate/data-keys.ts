import { everyPage } from '../../store/every-page.ts';
import { mintDataKey, readDataKey, readPointer, scopeOfRow, type Scope } from '../data-keys.ts';
import { changeTenantState, readTenantState, stateCheck } from '../tenant-state.ts';
import { untilWritten, type Stepped, type WorkParts } from './step.ts';

// New data keys for everything that a tenant has one for. New records are sealed under them at once; what lies under the
// older ones is sealed anew afterwards, and the older ones stay for what is not.

/** @throws Refusal `key_unavailable` */
export async function mintDataKeys(parts: WorkParts, tenant: string): Promise<Stepped> {
  const { suite } = parts;
  const state = await readTenantState(parts.tables, tenant);
  if (state.state !== 'live') return 'skipped';
  let minted = 0;
  const pages = everyPage((from) =>
    parts.tables.query('data_keys', { partition: tenant, limit: 200, ...from }),
  );
  for await (const { items } of pages)
    for (const { item } of items) {
      const name = scopeOfRow(tenant, item.dataKey);
      // The pointer of a person whose keys were destroyed names none, and stays as it is.
      if (name?.last !== 'active' || typeof item['id'] !== 'string') continue;
      if ((await untilWritten(() => mintOne(parts, name.scope))) === 'changed') minted += 1;
    }
  // Also when nothing was left to mint: whoever did it may have been killed before this.
  await changeTenantState(parts, tenant, parts.keepsSuite ? { suite } : {});
  await parts.changes.tell(tenant);
  return minted > 0 ? 'changed' : 'already';
}

async function mintOne(parts: WorkParts, scope: Scope): Promise<Stepped | undefined> {
  const state = await readTenantState(parts.tables, scope.tenant);
  if (state.state !== 'live') return 'skipped';
  const pointer = await readPointer(parts, scope);
  if (pointer === undefined) return 'skipped';
  if ((await readDataKey(parts, scope, pointer.id))?.job === parts.job) return 'already';
  const tenantKey = await parts.keys.tenantKey(scope.tenant);
  if (!tenantKey.live) return undefined;
  const suite = parts.keepsSuite ? parts.suite : (state.suite ?? parts.suite);
  const { held, steps } = mintDataKey({ ...parts, suite }, scope, tenantKey, pointer);
  held.key.destroy();
  const { done } = await parts.tables.transact([...steps, stateCheck(scope.tenant, state)]);
  return done ? 'changed' : undefined;
}
