import { ownedBy, removeEverything } from './adapter.ts';
import { tenantOf } from './grants.ts';
import type { Shelf, tablesShelf } from './shelf.ts';

/** Ends access as a whole: grants, and every token that came of them. */
export interface AccessEnds {
  /** Of a person, at whatever client. */
  ofAccount(subject: string): Promise<void>;
  /** Of everybody in a group. @returns how many grants there were */
  ofTenant(tenant: string): Promise<number>;
}

/** What access is kept in. */
export interface AccessEndParts {
  readonly lasting: ReturnType<typeof tablesShelf>;
  readonly passing: Shelf;
  readonly revoked: () => Promise<void>;
}

/** Ends of what these shelves hold. */
export function openAccessEnds(parts: AccessEndParts): AccessEnds {
  const { lasting, revoked } = parts;
  return {
    async ofAccount(subject) {
      await removeEverything(parts, ownedBy.account(subject));
      await revoked();
    },
    async ofTenant(tenant) {
      let ended = 0;
      for await (const { jti } of lasting.scan('Grant')) {
        const grant = String(jti);
        if (tenantOf(grant) !== tenant) continue;
        await lasting.remove(`Grant:${grant}`);
        await removeEverything(parts, ownedBy.grant(grant));
        ended += 1;
      }
      await revoked();
      return ended;
    },
  };
}
