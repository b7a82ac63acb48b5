import { refuse } from '../../refusal.ts';
import type { KeyOf } from '../../store/spec.ts';
import type { KeyProvider } from '../provider.ts';
import {
  keyContextOf,
  tenantKeyItem,
  tenantKeyRow,
  type TenantKeyRow,
  type Wrap,
} from '../tenant-key-rows.ts';
import { plaintextOf, unwrapWrap } from '../tenant-keys.ts';
import { untilWritten, type Stepped, type WorkParts } from './step.ts';

// A row goes from one provider to another in steps of one write each: a second wrap beside the first; both are opened; the
// second takes the first's place, and the first stays beside it, so that the way back needs nobody's leave. It ends when the
// move is settled. At every moment the row opens with either provider it has a wrap of.

/** @throws Refusal `key_unavailable` when a provider of the row cannot answer, or does not open it */
export function moveRow(parts: WorkParts, key: KeyOf<'tenant_keys'>, to: KeyProvider): Promise<Stepped> {
  return untilWritten(async () => {
    const stored = await parts.tables.get('tenant_keys', key);
    if (stored === undefined) return 'skipped';
    const row = tenantKeyRow(stored.item);
    const holder = await parts.providers.holding(row);
    if (holder?.name === to.name) return 'already';
    const named = { ...row, provider: holder?.name ?? row.provider };
    const second = row.also?.provider === to.name ? row.also : undefined;
    const next =
      second === undefined ? await withSecond(parts, named, to) : await turned(parts, named, second);
    const item = tenantKeyItem({ ...next, job: parts.job });
    const written = await parts.tables.put('tenant_keys', item, { ifRevision: stored.revision });
    // Beside the first it has to be read back and opened before it takes its place.
    return written === undefined || second === undefined ? undefined : 'changed';
  });
}

/** End the second wrap of a row that has moved. What it is held by now is opened before. */
export function settleRow(parts: WorkParts, key: KeyOf<'tenant_keys'>, to: KeyProvider): Promise<Stepped> {
  return untilWritten(async () => {
    const stored = await parts.tables.get('tenant_keys', key);
    if (stored === undefined) return 'skipped';
    const row = tenantKeyRow(stored.item);
    if (row.also === undefined) return 'already';
    if (row.provider !== to.name) return 'skipped';
    (await unwrapWrap(parts, row, row)).destroy();
    const item = tenantKeyItem({ ...row, also: undefined, job: parts.job });
    const written = await parts.tables.put('tenant_keys', item, { ifRevision: stored.revision });
    return written === undefined ? undefined : 'changed';
  });
}

/** The provider of this name. @throws Refusal `key_unavailable` when it is not set up here */
export function providerNamed({ providers }: Pick<WorkParts, 'providers'>, name: string): KeyProvider {
  const found = providers.find(name);
  if (found !== undefined) return found;
  throw refuse(
    'key_unavailable',
    `no provider ${name} is set up here: set its variables beside KEY_PROVIDER, and start again`,
  );
}

async function withSecond(parts: WorkParts, row: TenantKeyRow, to: KeyProvider): Promise<TenantKeyRow> {
  // Compares the commitment: nothing else than the key of this row is wrapped anew.
  (await unwrapWrap(parts, row, row)).destroy();
  const plaintext = await plaintextOf(parts, row, row);
  const { tenant, version } = row;
  try {
    const context = keyContextOf(parts, tenant, version);
    const { wrapped, keyRef } = await to.wrap({ tenant, plaintext, context });
    const also: Wrap = { provider: to.name, keyRef, wrapped };
    return { ...row, also };
  } finally {
    plaintext.fill(0);
  }
}

async function turned(parts: WorkParts, row: TenantKeyRow, second: Wrap): Promise<TenantKeyRow> {
  for (const wrap of [row, second]) (await unwrapWrap(parts, row, wrap)).destroy();
  const { provider, keyRef, wrapped } = row;
  return { ...row, ...second, also: { provider, keyRef, wrapped } };
}
