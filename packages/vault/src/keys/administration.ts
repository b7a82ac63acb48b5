import { redeem, type Receipt } from '../receipt.ts';
import type { KeyCore } from './key-core.ts';
import { keyStatus, type KeyStatus } from './key-status.ts';
import type { KeyWork } from './rotate/job-row.ts';
import { runKeyWork, type KeyWorkDone, type KeyWorkOptions } from './rotate/run.ts';
import type { Job, Shredded } from './shred/job.ts';
import { openShredding, type ShreddedPerson, type ShredOrder } from './shred/shredding.ts';
import type { SignedReceipt } from './shred/shredding-receipt.ts';
import { changeTenantState } from './tenant-state.ts';

/** The object of an entry in the journal about the keys of a tenant. */
export function keysOf(tenant: string): string {
  return `keys:${tenant}`;
}

/** The object of an entry in the journal about everything that a person has. */
export function personOf(subject: string): string {
  return `person:${subject}`;
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
  /**
   * Rotate or move keys, or go on with it where it was left. Serving goes on meanwhile.
   *
   * @param receipt for `key.rotate`, or `key.move`, on {@link keysOf} the tenant, or on `keys:*`
   * @throws Refusal `key_work_running`; `key_unavailable` and what the store throws: then the same work goes on later
   */
  work(receipt: Receipt, work: KeyWork, options?: KeyWorkOptions): Promise<KeyWorkDone>;
  /** Whether the tenant has a key, or its state was ever changed. @throws Refusal `store_unavailable` */
  has(tenant: string): Promise<boolean>;
  /** @throws Refusal `store_unavailable` */
  status(): Promise<KeyStatus>;
  /**
   * Destroy every key of the tenant, for good. Killed, it is called again and goes on; called when it is done, it gives the
   * same receipt.
   *
   * @param receipt for `key.shred` on {@link keysOf} the tenant
   * @throws Refusal `item_invalid` for the deployment's own keys
   */
  shredTenant(receipt: Receipt, tenant: string, order: ShredOrder): Promise<SignedReceipt>;
  /**
   * Destroy every key of a person in whatever tenant, and the tenants that are theirs alone.
   *
   * @param receipt for `key.shred` on {@link personOf} the subject
   */
  shredPerson(receipt: Receipt, person: ShreddedPerson, order: ShredOrder): Promise<SignedReceipt>;
  /** How far a shredding has come, or came; `undefined` when there never was one. */
  shredding(of: Shredded): Promise<Job | undefined>;
  /** PEM of the Ed25519 key under which receipts of destroyed keys are signed. */
  signingKey(): Promise<string>;
}

/** The action of an entry in the journal about such work. */
export function actOf({ kind }: KeyWork): 'key.rotate' | 'key.move' {
  return kind === 'move' || kind === 'settle' ? 'key.move' : 'key.rotate';
}

/** Administration of these keys. */
export function keyAdministration(core: KeyCore): KeyAdministration {
  const change = async (tenant: string, state: 'live' | 'disabled' | undefined): Promise<void> => {
    await changeTenantState(core, tenant, state === undefined ? {} : { state });
    await core.changes.tell(tenant);
  };
  const shredding = openShredding(core);
  return {
    async shredTenant(receipt, tenant, order) {
      redeem(receipt, 'key.shred', keysOf(tenant));
      return shredding.tenant(receipt.entry, tenant, order);
    },
    async shredPerson(receipt, person, order) {
      redeem(receipt, 'key.shred', personOf(person.subject));
      return shredding.person(receipt.entry, person, order);
    },
    shredding: (of) => shredding.find(of),
    signingKey: () => shredding.publicKey(),
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
    async work(receipt, work, options) {
      redeem(receipt, actOf(work), keysOf(work.tenant ?? '*'));
      return runKeyWork(core, work, options);
    },
    async has(tenant) {
      const page = await core.tables.query('tenant_keys', { partition: tenant, limit: 1 });
      return page.items.length > 0;
    },
    status: () => keyStatus(core),
  };
}
