import type { KeyOf } from '../../store/spec.ts';
import {
  keyContextOf,
  tenantKeyItem,
  tenantKeyRow,
  type TenantKeyRow,
  type Wrap,
} from '../tenant-key-rows.ts';
import { unwrapWrap } from '../tenant-keys.ts';
import { untilWritten, type Stepped, type WorkParts } from './step.ts';

// One row under the active root key of its provider. The key stays what it is, so nobody who uses it notices; the new wrap is
// opened before it replaces the old one.

/** @throws Refusal `key_unavailable` when its provider is not set up here, cannot answer, or does not open it */
export function rewrapRow(parts: WorkParts, key: KeyOf<'tenant_keys'>): Promise<Stepped> {
  return untilWritten(async () => {
    const stored = await parts.tables.get('tenant_keys', key);
    if (stored === undefined) return 'skipped';
    const row = tenantKeyRow(stored.item);
    if (row.job === parts.job) return 'already';
    const wrap = await anew(parts, row, row);
    const also = row.also === undefined ? undefined : await anew(parts, row, row.also);
    const item = tenantKeyItem({ ...row, ...wrap, also, job: parts.job });
    const written = await parts.tables.put('tenant_keys', item, { ifRevision: stored.revision });
    return written === undefined ? undefined : 'changed';
  });
}

async function anew(parts: WorkParts, row: TenantKeyRow, wrap: Wrap): Promise<Wrap> {
  const { tenant, version } = row;
  const provider = await parts.providers.holding(wrap);
  // Opens what there is, or says why it does not: a provider that is not set up, a root key that is not there.
  if (provider === undefined) {
    (await unwrapWrap(parts, row, wrap)).destroy();
    return wrap;
  }
  const { keyRef, wrapped } = wrap;
  const context = keyContextOf(parts, tenant, version);
  const again = await provider.rewrap({ tenant, keyRef, wrapped, context });
  const made = { provider: provider.name, keyRef: again.keyRef, wrapped: again.wrapped };
  (await unwrapWrap(parts, row, made)).destroy();
  return made;
}
