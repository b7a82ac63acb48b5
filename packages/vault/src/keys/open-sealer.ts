import type { Suite } from '../seal/data-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import type { Tables } from '../store/tables.ts';
import { blinder } from './blind.ts';
import type { Bus } from '../store/bus.ts';
import { keyAdministration, type KeyAdministration } from './administration.ts';
import { openDeployment } from './deployment.ts';
import { openKeyChanges } from './key-changes.ts';
import { keyProviders } from './key-providers.ts';
import type { KeyProvider, RootKey } from './provider.ts';
import type { Sealer } from './sealer.ts';

/** What {@link openSealer} stands on. */
export interface SealerParts {
  readonly tables: Tables;
  /** Wraps the first key of every new tenant. Closed by whoever opened it, after the sealer. */
  readonly provider: KeyProvider;
  /** Others, which open what they wrapped before, and to which a tenant may be moved. Closed in the same way. */
  readonly opening?: readonly KeyProvider[];
  readonly now: () => number;
  /** The system's generator when not given; a test may bring another. */
  readonly random?: Random;
  /** Suite of data keys that are minted from now on; 1 when not given. */
  readonly suite?: Suite;
  /** Tenants whose keys are kept open at once; 10,000 when not given. */
  readonly tenantsMax?: number;
  /** Data keys of one tenant that are kept open at once; 64 when not given. */
  readonly dataKeysMax?: number;
}

/** What the keys say of themselves, for `doctor` and health. */
export interface KeyState {
  readonly deployment: string;
  /** As `KEY_PROVIDER` names it. */
  readonly provider: string;
  readonly roots: readonly RootKey[];
  /** Keys in memory now. */
  readonly open: { readonly tenants: number; readonly dataKeys: number };
}

/** A {@link Sealer} that can say what it holds. */
export interface OpenedSealer extends Sealer {
  describe(): Promise<KeyState>;
  /**
   * Drop keys from now on when another instance has changed the state of their tenant: at once when the bus says so, and
   * within five seconds when it does not.
   *
   * @param failed told when the others could not be told, or the store not be asked
   * @returns how to stop
   * @throws Refusal `store_unavailable`
   */
  follow(bus: Pick<Bus, 'publish' | 'subscribe'>, failed: (error: unknown) => void): Promise<() => void>;
  readonly administration: KeyAdministration;
}

/**
 * Open the keys of a deployment; made at the very first start.
 *
 * @throws Refusal `key_unavailable` when the root key cannot be asked or does not belong to this data
 */
export async function openSealer(given: SealerParts): Promise<OpenedSealer> {
  const { provider, opening = [], tables, now, random, suite = 1 } = given;
  const providers = keyProviders(provider, opening, now);
  const parts = { ...given, providers, random, suite };
  const { id, blindKey, keys, sealing } = await openDeployment(parts);
  const changes = openKeyChanges(tables, (tenant) => keys.revoke(tenant));
  const sealer: Sealer = {
    deployment: id,
    seal: sealing.seal,
    open: sealing.open,
    blind: blinder(blindKey),
    revoke: (tenant) => keys.revoke(tenant),
    async close() {
      keys.close();
    },
  };
  return {
    ...sealer,
    follow: (bus, failed) => changes.follow(bus, failed),
    administration: keyAdministration({ ...parts, deployment: id, keys, changes, sealer }),
    async describe() {
      return {
        deployment: id,
        provider: provider.name,
        roots: await provider.describe(),
        open: keys.count(),
      };
    },
  };
}
