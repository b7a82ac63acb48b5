import { setTimeout as sleep } from 'node:timers/promises';
import { refuse } from '../refusal.ts';
import type { Suite } from '../seal/data-key.ts';
import type { Guard, Item, Step, Tables } from '../store/tables.ts';
import { countedChange } from './change-count.ts';
import { systemTenant } from './system-tenant.ts';

// Whether a tenant's keys may be used at all, in one row beside them. Its name sorts before every version.
//
//   tenant_keys: tenant · version = `!state` · epoch · state · suite · changedAtMs
//
// Without the row the tenant is live, at epoch 0. Every change raises the epoch, and whoever mints a key does so under the
// condition that the row is as it was read: so no key is made for a tenant that was disabled or shredded meanwhile.

/** The version under which the row lies. */
export const stateVersion = '!state';
const attemptsMax = 30;
const pauseMsMax = 20;

/** What a tenant's keys may be used for. `shredded` is final. */
export type TenantKeyState = 'live' | 'disabled' | 'shredded';

/** The state of a tenant's keys, as it was read. */
export interface TenantState {
  /** Raised by every change; keys opened at an older one are dropped. */
  readonly epoch: number;
  readonly state: TenantKeyState;
  /** Suite of the tenant's data keys that are minted from now on; `undefined`: the deployment's. */
  readonly suite: Suite | undefined;
  /** Milliseconds since 1970; `undefined` when nothing was ever changed. */
  readonly changedAtMs: number | undefined;
  /** That the row is still as it was read. */
  readonly guard: Guard;
}

/** @throws Refusal `key_unavailable` when the row was damaged */
export async function readTenantState(tables: Tables, tenant: string): Promise<TenantState> {
  const stored = await tables.get('tenant_keys', { tenant, version: stateVersion });
  if (stored === undefined)
    return { epoch: 0, state: 'live', suite: undefined, changedAtMs: undefined, guard: { ifAbsent: true } };
  return { ...stateIn(stored.item), guard: { ifRevision: stored.revision } };
}

/**
 * What the row of a tenant's state says.
 *
 * @throws Refusal `key_unavailable` when it was damaged
 */
export function stateIn(item: Item): Omit<TenantState, 'guard'> {
  const { epoch, state, suite, changedAtMs } = item;
  const known = state === 'live' || state === 'disabled' || state === 'shredded';
  if (!known || typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 1)
    throw refuse('key_unavailable', 'the state of the keys of this tenant is damaged; restore its row');
  return {
    epoch,
    state,
    suite: suite === 1 || suite === 2 ? suite : undefined,
    changedAtMs: typeof changedAtMs === 'number' ? changedAtMs : undefined,
  };
}

/** @throws Refusal `key_disabled`, `key_shredded` */
export function refuseUnusable(tenant: string, { state }: Pick<TenantState, 'state'>): void {
  if (state === 'disabled')
    throw refuse(
      'key_disabled',
      'the keys of this group are disabled; an administrator can enable them again',
      `tenant ${tenant}`,
    );
  if (state === 'shredded')
    throw refuse(
      'key_shredded',
      'the keys of this group were destroyed; nothing of it can be opened',
      `tenant ${tenant}`,
    );
}

/** Holds a transaction to the state as it was read. */
export function stateCheck(tenant: string, { guard }: TenantState): Step {
  return { check: 'tenant_keys', key: { tenant, version: stateVersion }, guard };
}

/** What {@link changeTenantState} works with. */
export interface StateParts {
  readonly tables: Tables;
  readonly now: () => number;
}

/** What becomes of the state. What is not named stays as it is; the epoch is raised in any case. */
export interface StateChange {
  readonly state?: TenantKeyState;
  readonly suite?: Suite;
}

/**
 * Change the state and raise the epoch, in one transaction with the count that every instance looks at. The caller tells
 * the other instances.
 *
 * @param with further steps, which happen with the change or not at all; no rows of the state or the count
 * @returns the new state; `undefined` when the guard of a further step failed
 * @throws Refusal `key_shredded` for a tenant whose keys are gone, unless that is asked for once more; `item_invalid` for
 *   the deployment's own tenant, whose keys open everything else; `store_unavailable`
 */
export async function changeTenantState(
  { tables, now }: StateParts,
  tenant: string,
  change: StateChange,
  further: readonly Step[] = [],
): Promise<Omit<TenantState, 'guard'> | undefined> {
  if (tenant === systemTenant && change.state !== undefined && change.state !== 'live')
    throw refuse('item_invalid', 'the keys of the deployment itself can be neither disabled nor destroyed');
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const before = await readTenantState(tables, tenant);
    if (change.state !== 'shredded') refuseShredded(tenant, before);
    const after = {
      epoch: before.epoch + 1,
      state: change.state ?? before.state,
      suite: change.suite ?? before.suite,
      changedAtMs: now(),
    };
    const row = { tenant, version: stateVersion, ...after, suite: after.suite ?? null };
    const put: Step = { put: 'tenant_keys', item: row, guard: before.guard };
    const done = await tables.transact([put, await countedChange(tables, tenant), ...further]);
    if (done.done) return after;
    if (done.lost > 1) return undefined;
    await sleep(Math.random() * pauseMsMax);
  }
  throw refuse('store_unavailable', 'the state of these keys changes all the time; try again');
}

function refuseShredded(tenant: string, { state }: TenantState): void {
  if (state === 'shredded') refuseUnusable(tenant, { state });
}
