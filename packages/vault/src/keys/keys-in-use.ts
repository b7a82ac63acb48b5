import { refuse } from '../refusal.ts';
import type { DataKey, Suite } from '../seal/data-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import type { Tables } from '../store/tables.ts';
import type { Scope } from './data-keys.ts';
import { keyCache, once, type HeldKey, type TenantLife } from './key-cache.ts';
import { keyLoader, scopeName, usable } from './key-loader.ts';
import type { KeyProviders } from './key-providers.ts';

// The keys a sealer works with: from memory at once, else loaded, and wiped when their life ends.

const sweepEveryMs = 30_000;

/** What keys are found with. */
export interface KeyParts {
  readonly deployment: string;
  readonly tables: Tables;
  readonly providers: KeyProviders;
  readonly now: () => number;
  readonly random: Random | undefined;
  readonly suite: Suite;
  readonly tenantsMax?: number | undefined;
  readonly dataKeysMax?: number | undefined;
}

/** Keys by what they are for. */
export interface KeysInUse {
  /** The key to seal under when it is in memory and may be used. */
  activeNow(scope: Scope): HeldKey | undefined;
  /** The same, from wherever it lies; minted when there is none. Look at `live` before use. */
  active(scope: Scope): Promise<HeldKey>;
  /** The key with this id (16 bytes, as latin1 text) when it is in memory. */
  byIdNow(scope: Scope, id: string): HeldKey | undefined;
  /** @throws Refusal `open_failed` when the scope has no key with this id */
  byId(scope: Scope, id: string): Promise<HeldKey>;
  /** The key of one record, by its id, when it was opened lately. To be used in this turn. */
  ownKeyNow(scope: Scope, id: string): DataKey | undefined;
  /** Keep the key of a record that has opened; without a life of its tenant it is wiped. */
  keepOwnKey(scope: Scope, id: string, key: DataKey): void;
  /** The tenant's key of this version, the newest when not given, when it is in memory. */
  tenantKeyNow(tenant: string, version?: string): HeldKey | undefined;
  /** The same, from wherever it lies. */
  tenantKey(tenant: string, version?: string): Promise<HeldKey>;
  /** Wipe the open keys of one tenant; `undefined`: of all. */
  revoke(tenant: string | undefined): void;
  close(): void;
  count(): { readonly tenants: number; readonly dataKeys: number };
}

/** Keys found with these parts, none in memory yet. */
export function keysInUse(parts: KeyParts): KeysInUse {
  const cache = keyCache(parts);
  const load = keyLoader({ ...parts, drop: (tenant) => cache.end(tenant) });
  const sweeper = setInterval(() => cache.sweep(), sweepEveryMs).unref();
  let closed = false;
  const begin = (tenant: string): TenantLife => {
    if (closed) throw refuse('key_unavailable', 'the keys are closed; the process is ending');
    return cache.begin(tenant);
  };
  return {
    activeNow(scope) {
      const held = cache.find(scope.tenant)?.active.get(scopeName(scope));
      return held !== undefined && usable(held, parts.now()) ? held : undefined;
    },
    async active(scope) {
      const life = begin(scope.tenant);
      return once(life, `active ${scopeName(scope)}`, () => load.active(life, scope));
    },
    byIdNow: (scope, id) => cache.find(scope.tenant)?.dataKeys.get(scopeName(scope) + id),
    async byId(scope, id) {
      const life = begin(scope.tenant);
      return once(life, `id ${scopeName(scope)}${id}`, () => load.byId(life, scope, id));
    },
    ownKeyNow: (scope, id) => cache.find(scope.tenant)?.ownKeys.get(scopeName(scope) + id),
    keepOwnKey(scope, id, key) {
      const life = cache.find(scope.tenant);
      if (life === undefined) key.destroy();
      else life.ownKeys.set(scopeName(scope) + id, key);
    },
    tenantKeyNow(tenant, version) {
      const life = cache.find(tenant);
      return version === undefined ? life?.newest : life?.tenantKeys.get(version);
    },
    async tenantKey(tenant, version) {
      return load.tenantKey(begin(tenant), tenant, version);
    },
    revoke: (tenant) => (tenant === undefined ? cache.clear() : cache.end(tenant)),
    close() {
      closed = true;
      clearInterval(sweeper);
      cache.clear();
    },
    count: () => cache.count(),
  };
}
