import { Refusal, refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import {
  mintDataKey,
  readDataKey,
  readPointer,
  unwrapDataKey,
  type DataKeyParts,
  type Scope,
} from './data-keys.ts';
import { hold, once, type HeldKey, type TenantLife } from './key-cache.ts';
import { newestTenantKey, tenantKeyOf, type TenantKeyParts } from './tenant-keys.ts';
import { readTenantState, refuseUnusable, stateCheck, type TenantState } from './tenant-state.ts';

// Finds keys in the tables: a data key is unwrapped by the tenant's key, which the provider unwraps. After every wait
// the life is looked at again; what was found for a life that ended comes back wiped (`live` is false), and the
// caller asks anew. The state of the tenant is read with each of its own keys and before a key is minted: a life of an older
// epoch ends there, also when nobody told of the change.

const dataKeyLifeMs = 24 * 60 * 60 * 1000;
const attemptsMax = 5;

/** Loads keys into a tenant's life. */
export interface KeyLoader {
  tenantKey(life: TenantLife, tenant: string, version?: string): Promise<HeldKey>;
  byId(life: TenantLife, scope: Scope, id: string): Promise<HeldKey>;
  active(life: TenantLife, scope: Scope): Promise<HeldKey>;
}

/** What keys are loaded with. */
export interface LoaderParts extends DataKeyParts, TenantKeyParts {
  /** End the tenant's life. */
  readonly drop: (tenant: string) => void;
}

/** A loader from these parts. */
export function keyLoader(parts: LoaderParts): KeyLoader {
  const { tenantKey } = tenantKeyLoader(parts);
  const byId: KeyLoader['byId'] = async (life, scope, id) => {
    const name = scopeName(scope) + id;
    const known = life.dataKeys.get(name);
    if (known !== undefined) return known;
    const row = await readDataKey(parts, scope, Buffer.from(id, 'latin1').toString('base64url'));
    if (row === undefined) {
      refuseUnusable(scope.tenant, await readTenantState(parts.tables, scope.tenant));
      // Refuses where the keys of a person were destroyed.
      await readPointer(parts, scope);
      throw openFailed('no data key of this scope has the id of the record');
    }
    const wrapping = await tenantKey(life, scope.tenant, row.kekVersion).catch(pointsNowhere);
    if (!wrapping.live) return wrapping;
    return hold(life, life.dataKeys, name, unwrapDataKey(parts, scope, row, wrapping.key));
  };
  const mint = async (life: TenantLife, scope: Scope, pointer: Awaited<ReturnType<typeof readPointer>>) => {
    const wrapping = await tenantKey(life, scope.tenant);
    if (!wrapping.live) return wrapping;
    const state = await usableState(parts, life, scope.tenant);
    if (!wrapping.live) return wrapping;
    const suite = state.suite ?? parts.suite;
    const { held, id, steps } = mintDataKey({ ...parts, suite }, scope, wrapping, pointer);
    const { done } = await parts.tables.transact([...steps, stateCheck(scope.tenant, state)]);
    if (done) return hold(life, life.dataKeys, scopeName(scope) + latin1(id), held);
    // Another process was faster, and its key is taken on the next round; or the state changed.
    held.key.destroy();
    return undefined;
  };
  const active: KeyLoader['active'] = async (life, scope) => {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const pointer = await readPointer(parts, scope);
      const current = pointer && (await byId(life, scope, latin1(pointer.id)).catch(pointsNowhere));
      const held =
        current && (!current.live || usable(current, parts.now()))
          ? current
          : await mint(life, scope, pointer);
      // One that has made room for others meanwhile is wiped after this turn, and nobody would take it out again.
      if (held?.live === true && !life.leaving.has(held)) life.active.set(scopeName(scope), held);
      if (held !== undefined) return held;
    }
    throw droppedInUse();
  };
  return { tenantKey, byId, active };
}

/** A text for each kind and subject: kind names hold no `#`. An id of fixed length may follow it. */
export function scopeName({ kind, subject }: Scope): string {
  return `${kind}#${subject}#`;
}

/** Whether new records may still be sealed under it. */
export function usable(held: HeldKey, nowMs: number): boolean {
  return nowMs - held.createdAtMs < dataKeyLifeMs && !held.key.spent;
}

/** The refusal of a key that is dropped as fast as it is asked for. */
export function droppedInUse(): Error {
  return refuse('key_unavailable', 'the keys of this tenant were dropped while they were in use; try again');
}

// A life that began at an older epoch ends here, and with it every key that it holds.
async function usableState(parts: LoaderParts, life: TenantLife, tenant: string): Promise<TenantState> {
  const state = await readTenantState(parts.tables, tenant);
  life.epoch ??= state.epoch;
  if ((life.epoch !== state.epoch || state.state !== 'live') && !life.ended) parts.drop(tenant);
  refuseUnusable(tenant, state);
  return state;
}

function tenantKeyLoader(parts: LoaderParts): Pick<KeyLoader, 'tenantKey'> {
  return {
    async tenantKey(life, tenant, version) {
      const known = version === undefined ? life.newest : life.tenantKeys.get(version);
      if (known !== undefined) return known;
      return once(life, `tenant key ${version ?? 'newest'}`, async () => {
        const state = (): Promise<TenantState> => usableState(parts, life, tenant);
        await state();
        const found =
          version === undefined ? newestTenantKey(parts, tenant, state) : tenantKeyOf(parts, tenant, version);
        const held = await found;
        const kept = hold(life, life.tenantKeys, held.version, held);
        if (version === undefined && kept.live) life.newest = kept;
        return kept;
      });
    },
  };
}

function latin1(id: string): string {
  return Buffer.from(id, 'base64url').toString('latin1');
}

// A row that names a key which is not there was changed: no record is at fault.
function pointsNowhere(error: unknown): never {
  if (error instanceof Refusal && error.code === 'open_failed')
    throw refuse('key_unavailable', 'a key of this tenant is missing; its rows were changed', error.detail);
  throw error;
}
