import type { KeyChanges } from './key-changes.ts';
import type { KeyParts, KeysInUse } from './keys-in-use.ts';
import type { Sealer } from './sealer.ts';

/** What works on the keys themselves stands on: the key rows, who wraps them, and the keys that are open here. */
export interface KeyCore extends KeyParts {
  readonly keys: KeysInUse;
  readonly changes: KeyChanges;
  readonly sealer: Sealer;
}
