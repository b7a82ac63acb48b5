import { randomBytes } from 'node:crypto';
import type { DataKey } from '../seal/data-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import { secondChance, type SecondChance } from './second-chance.ts';

// Open keys, by tenant. Everything of a tenant lives and ends together: its keys are wiped when the time since the
// first of them was asked for is over, when the tenant is revoked, and when it makes room for others. Each such life
// is an object of its own (the epoch): a load that began in an earlier life cannot put its key into a later one.

/** Longest life of an open key, before the jitter of 10 % either way. */
const keyLifeMs = 300_000;
/** The same in seconds, for whoever works out how often keys are asked for. */
export const keyLifeSeconds = keyLifeMs / 1000;
const jitter = 0.1;
const tenantsMaxDefault = 10_000;
const dataKeysMaxDefault = 64;
/** Keys of single records that were opened: who reads a session reads it again with the next request. */
const ownKeysMax = 1000;

/** A key in use. */
export interface HeldKey {
  readonly key: DataKey;
  /** Tenant keys: their version. Data keys: the version that wraps them. */
  readonly version: string;
  readonly createdAtMs: number;
  /** False once it was wiped; look at it after every wait. */
  live: boolean;
}

/** The open keys of one tenant, from its first use until they are dropped. */
export interface TenantLife {
  readonly endsAtMs: number;
  ended: boolean;
  /** Of the tenant's state, when the first of its keys was asked for; `undefined` before. */
  epoch: number | undefined;
  /** By version. */
  readonly tenantKeys: Map<string, HeldKey>;
  newest: HeldKey | undefined;
  /** By kind, subject and id. */
  readonly dataKeys: SecondChance<HeldKey>;
  /** Keys of single records, by kind, subject and id. Used in the turn in which they are found. */
  readonly ownKeys: SecondChance<DataKey>;
  /** The keys new records are sealed under, by kind and subject; each is in `dataKeys` too. */
  readonly active: Map<string, HeldKey>;
  /** Data keys that made room for others in this turn and are wiped after it. */
  readonly leaving: Set<HeldKey>;
  /** Loads that are under way, so that each key is asked for once. */
  readonly loads: Map<string, Promise<HeldKey>>;
}

/** What {@link keyCache} may be told. */
export interface KeyCacheOptions {
  readonly now: () => number;
  /** For the jitter. */
  readonly random?: Random | undefined;
  readonly tenantsMax?: number | undefined;
  readonly dataKeysMax?: number | undefined;
}

/** Open keys of all tenants. */
export interface KeyCache {
  /** The tenant's life, when there is one that has not ended. */
  find(tenant: string): TenantLife | undefined;
  /** The tenant's life, begun now when there is none. */
  begin(tenant: string): TenantLife;
  /** End the tenant's life and wipe its keys. */
  end(tenant: string): void;
  /** Wipe what is over its time, also of tenants that nobody asks for any more. */
  sweep(): void;
  /** Wipe everything. */
  clear(): void;
  count(): { readonly tenants: number; readonly dataKeys: number };
}

/** An empty cache. */
export function keyCache({ now, random = randomBytes, tenantsMax, dataKeysMax }: KeyCacheOptions): KeyCache {
  const lives = secondChance<TenantLife>(tenantsMax ?? tenantsMaxDefault, endLife);
  const find = (tenant: string): TenantLife | undefined => {
    const life = lives.get(tenant);
    if (life === undefined || now() < life.endsAtMs) return life;
    lives.delete(tenant);
    return undefined;
  };
  return {
    find,
    begin(tenant) {
      const found = find(tenant);
      if (found !== undefined) return found;
      // Counted from before the key is asked for, so that no answer, however late, lengthens it.
      const endsAtMs = now() + keyLifeMs * (1 - jitter + 2 * jitter * ((random(1)[0] ?? 0) / 255));
      const life = newLife(endsAtMs, dataKeysMax ?? dataKeysMaxDefault);
      lives.set(tenant, life);
      return life;
    },
    end: (tenant) => lives.delete(tenant),
    sweep() {
      const nowMs = now();
      for (const [tenant, life] of lives.entries()) if (nowMs >= life.endsAtMs) lives.delete(tenant);
    },
    clear: () => lives.clear(),
    count() {
      let dataKeys = 0;
      for (const [, life] of lives.entries()) dataKeys += life.dataKeys.size + life.ownKeys.size;
      return { tenants: lives.size, dataKeys };
    },
  };
}

/**
 * Put a key into a part of a life.
 *
 * @returns the one to use: what lay there already, or `held`, which comes back wiped when the life has ended
 */
export function hold(life: TenantLife, keys: KeyShelf, name: string, held: HeldKey): HeldKey {
  const known = life.ended ? undefined : keys.get(name);
  if (life.ended || known !== undefined) wipe(held);
  else keys.set(name, held);
  return known ?? held;
}

/** Where keys lie by name. */
interface KeyShelf {
  get(name: string): HeldKey | undefined;
  set(name: string, held: HeldKey): unknown;
}

/** One load at a time for each name: whoever comes while it runs gets its answer. */
export function once(life: TenantLife, name: string, load: () => Promise<HeldKey>): Promise<HeldKey> {
  const running = life.loads.get(name);
  if (running !== undefined) return running;
  const started = load().finally(() => life.loads.delete(name));
  life.loads.set(name, started);
  return started;
}

// Ends the native objects of a key.
function wipe(held: HeldKey): void {
  held.live = false;
  held.key.destroy();
}

function newLife(endsAtMs: number, dataKeysMax: number): TenantLife {
  const active = new Map<string, HeldKey>();
  const leaving = new Set<HeldKey>();
  const dataKeys = secondChance<HeldKey>(dataKeysMax, (held) => {
    for (const [scope, key] of active) if (key === held) active.delete(scope);
    leaving.add(held);
    // Not in this turn: whoever has just loaded it, and is about to wake up, may still use it.
    setImmediate(() => {
      if (leaving.delete(held)) wipe(held);
    });
  });
  return {
    endsAtMs,
    ended: false,
    epoch: undefined,
    tenantKeys: new Map(),
    newest: undefined,
    dataKeys,
    ownKeys: secondChance<DataKey>(ownKeysMax, (key) => key.destroy()),
    active,
    leaving,
    loads: new Map(),
  };
}

function endLife(life: TenantLife): void {
  life.ended = true;
  life.newest = undefined;
  for (const held of life.tenantKeys.values()) wipe(held);
  life.tenantKeys.clear();
  life.dataKeys.clear();
  life.ownKeys.clear();
  for (const held of life.leaving) wipe(held);
  life.leaving.clear();
}
