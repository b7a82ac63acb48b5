import { redeem, type Receipt } from '../receipt.ts';
import type { KeyCore } from './key-core.ts';
import { changeTenantState } from './tenant-state.ts';

/** The object of an entry in the journal about the keys of a tenant. */
export function keysOf(tenant: string): string {
  return `keys:${tenant}`;
}

/** What an administrator does with the keys of tenants. Every change takes the receipt of its entry in the journal. */
export interface KeyAdministration {
  /**
   * From now on nothing of the tenant seals or opens, here at once and on other instances as soon as they hear of it.
   *
   * @param receipt for `key.disable` on {@link keysOf} the tenant
   * @throws Refusal `key_shredded`, `item_invalid` for the deployment's own keys
   */
  disable(receipt: Receipt, tenant: string): Promise<void>;
  /**
   * Undo {@link KeyAdministration.disable}.
   *
   * @param receipt for `key.enable` on {@link keysOf} the tenant
   * @throws Refusal `key_shredded`
   */
  enable(receipt: Receipt, tenant: string): Promise<void>;
  /**
   * Have every instance drop the open keys of the tenant; the next use unwraps anew.
   *
   * @param receipt for `key.revoke` on {@link keysOf} the tenant
   */
  revoke(receipt: Receipt, tenant: string): Promise<void>;
}

/** Administration of these keys. */
export function keyAdministration(core: KeyCore): KeyAdministration {
  const change = async (tenant: string, state: 'live' | 'disabled' | undefined): Promise<void> => {
    await changeTenantState(core, tenant, state === undefined ? {} : { state });
    await core.changes.tell(tenant);
  };
  return {
    async disable(receipt, tenant) {
      redeem(receipt, 'key.disable', keysOf(tenant));
      await change(tenant, 'disabled');
    },
    async enable(receipt, tenant) {
      redeem(receipt, 'key.enable', keysOf(tenant));
      await change(tenant, 'live');
    },
    async revoke(receipt, tenant) {
      redeem(receipt, 'key.revoke', keysOf(tenant));
      await change(tenant, undefined);
    },
  };
}
