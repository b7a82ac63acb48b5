import type { Suite } from '../seal/data-key.ts';
import type { Random } from '../seal/key-bytes.ts';
import type { Tables } from '../store/tables.ts';
import { blinder } from './blind.ts';
import { openDeployment } from './deployment.ts';
import type { KeyProvider, RootKey } from './provider.ts';
import type { Sealer } from './sealer.ts';

/** What {@link openSealer} stands on. */
export interface SealerParts {
  readonly tables: Tables;
  /** Closed by whoever opened it, after the sealer. */
  readonly provider: KeyProvider;
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
}

/**
 * Open the keys of a deployment; made at the very first start.
 *
 * @throws Refusal `key_unavailable` when the root key cannot be asked or does not belong to this data
 */
export async function openSealer(given: SealerParts): Promise<OpenedSealer> {
  const { provider, random, suite = 1 } = given;
  const { id, blindKey, keys, sealing } = await openDeployment({ ...given, random, suite });
  return {
    deployment: id,
    seal: sealing.seal,
    open: sealing.open,
    blind: blinder(blindKey),
    revoke: (tenant) => keys.revoke(tenant),
    async close() {
      keys.close();
    },
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
