import { holdsSecret, secretPlace } from '../../keys/deployment.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { redeem, type Receipt } from '../../receipt.ts';
import { refuse } from '../../refusal.ts';
import { fromText, toText } from '../../seal/text-form.ts';
import type { Revision, Tables } from '../../store/tables.ts';
import { scopePart } from '../log/names.ts';

// Legal holds: while one is on, nothing of a tenant's log is dropped or expires, and the keys it lies under are not destroyed.
// All are one row, sealed: who is held is nobody's business.
//
//   deployment: name = `audit_holds` · holds (JSON, sealed under tenant `_system`)

/** A hold. */
export interface Hold {
  /** The tenant; `*` for all. */
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly sinceMs: number;
}

/**
 * Whether one of these tenants' logs must be kept as it is.
 *
 * @param scopes tenants, as they stand in paths
 */
export type Held = (scopes: readonly string[]) => Promise<boolean>;

/** The holds that are on. All methods throw Refusal `store_unavailable`, `key_unavailable`, `open_failed`. */
export interface Holds {
  /** In the order in which they were put on. */
  list(): Promise<readonly Hold[]>;
  /**
   * @param receipt for `audit.hold` on {@link heldObject}
   * @returns false when it was on before
   * @throws Refusal `receipt_invalid`
   */
  add(receipt: Receipt, tenant: string): Promise<boolean>;
  /**
   * @param receipt for `audit.release` on {@link heldObject}
   * @returns false when it was not on
   * @throws Refusal `receipt_invalid`
   */
  remove(receipt: Receipt, tenant: string): Promise<boolean>;
  readonly held: Held;
  /** @throws Refusal `log_held` when a hold is on one of these tenants, or on all */
  refuseHeld(tenants: readonly string[]): Promise<void>;
}

/** What holds are kept in. */
export interface HoldParts {
  readonly tables: Tables;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly now: () => number;
}

const tries = 5;
const place = secretPlace(holdsSecret);
const key = { name: holdsSecret.name };

/** What receipts of holds are bound to. @param tenant `*` for all */
export function heldObject(tenant: string): string {
  return `log:${tenant}`;
}

/** The holds of this deployment. */
export function openHolds({ tables, sealer, now }: HoldParts): Holds {
  const read = async (): Promise<{
    readonly holds: readonly Hold[];
    readonly revision: Revision | undefined;
  }> => {
    const found = await tables.get('deployment', key);
    const sealed = found?.item[holdsSecret.attribute];
    if (found === undefined || typeof sealed !== 'string') return { holds: [], revision: found?.revision };
    const bytes = await sealer.open('system', place, fromText(sealed));
    return { holds: JSON.parse(bytes.toString('utf8')) as Hold[], revision: found.revision };
  };
  const change = async (next: (holds: readonly Hold[]) => readonly Hold[] | undefined): Promise<boolean> => {
    for (let turn = 0; turn < tries; turn += 1) {
      const { holds, revision } = await read();
      const after = next(holds);
      if (after === undefined) return false;
      const sealed = toText(await sealer.seal('system', place, Buffer.from(JSON.stringify(after))));
      const item = { ...key, [holdsSecret.attribute]: sealed };
      const guard = revision === undefined ? ({ ifAbsent: true } as const) : { ifRevision: revision };
      if ((await tables.put('deployment', item, guard)) !== undefined) return true;
    }
    throw refuse('store_unavailable', 'the holds are being changed by others; try again');
  };
  const heldBy = async (isTenant: (tenant: string) => boolean): Promise<boolean> =>
    (await read()).holds.some(({ tenant }) => tenant === '*' || isTenant(tenant));
  return {
    list: async () => (await read()).holds,
    add(receipt, tenant) {
      redeem(receipt, 'audit.hold', heldObject(tenant));
      return change((holds) =>
        holds.some((hold) => hold.tenant === tenant) ? undefined : [...holds, { tenant, sinceMs: now() }],
      );
    },
    remove(receipt, tenant) {
      redeem(receipt, 'audit.release', heldObject(tenant));
      return change((holds) => {
        const others = holds.filter((hold) => hold.tenant !== tenant);
        return others.length === holds.length ? undefined : others;
      });
    },
    held: (scopes) => heldBy((tenant) => scopes.includes(scopePart(tenant))),
    async refuseHeld(tenants) {
      if (await heldBy((tenant) => tenants.includes(tenant)))
        throw refuse(
          'log_held',
          'a legal hold is on the audit log of this group: its keys are not destroyed',
        );
    },
  };
}
