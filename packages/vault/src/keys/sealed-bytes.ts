import { openFailed } from '../seal/gcm.ts';
import { kinds } from '../seal/kinds.ts';
import { parseRecord } from '../seal/record.ts';
import type { DataKeyParts, Scope } from './data-keys.ts';
import type { HeldKey } from './key-cache.ts';
import { droppedInUse } from './key-loader.ts';
import type { KeysInUse } from './keys-in-use.ts';
import { freshOwnKey, openOwnKey, ownKeyVersion } from './own-key.ts';
import { contextAt } from './place.ts';
import type { Sealer } from './sealer.ts';

const attemptsMax = 3;

/** The two directions of a {@link Sealer}, over keys in use. A key in memory is used without a wait. */
export function sealingWith(keys: KeysInUse, parts: DataKeyParts): Pick<Sealer, 'seal' | 'open'> {
  return {
    async seal(kind, place, plaintext) {
      const context = contextAt(parts.deployment, kind, place);
      const scope: Scope = { tenant: place.tenant, kind, subject: place.subject };
      if (kinds[kind].ownKey)
        return withKey(
          () => keys.tenantKey(place.tenant),
          (tenantKey) => {
            const { key, carried } = freshOwnKey(parts, scope, tenantKey);
            return using(key, () => key.seal(kind, context, plaintext, carried));
          },
        );
      const held = keys.activeNow(scope);
      if (held !== undefined) return held.key.seal(kind, context, plaintext);
      return withKey(
        () => keys.active(scope),
        ({ key }) => key.seal(kind, context, plaintext),
      );
    },
    async open(kind, place, sealed) {
      const { kind: said, dataKeyId } = parseRecord(sealed);
      if (said !== kind) throw openFailed('another kind than asked for');
      const context = openingContext(parts.deployment, kind, place);
      const scope: Scope = { tenant: place.tenant, kind, subject: place.subject };
      if (kinds[kind].ownKey)
        return withKey(
          () => keys.tenantKey(place.tenant, ownKeyVersion(sealed)),
          (tenantKey) => {
            const key = openOwnKey(parts, scope, sealed, tenantKey);
            return using(key, () => key.open(kind, context, sealed));
          },
        );
      const id = Buffer.from(dataKeyId.buffer, dataKeyId.byteOffset, dataKeyId.length).toString('latin1');
      const held = keys.byIdNow(scope, id);
      if (held !== undefined) return held.key.open(kind, context, sealed);
      return withKey(
        () => keys.byId(scope, id),
        ({ key }) => key.open(kind, context, sealed),
      );
    },
  };
}

// Used in the same turn in which it is seen to be alive: nothing can wipe it in between.
async function withKey<T>(find: () => Promise<HeldKey>, use: (held: HeldKey) => T): Promise<T> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const held = await find();
    if (held.live) return use(held);
  }
  throw droppedInUse();
}

function using<T>(key: { destroy(): void }, use: () => T): T {
  try {
    return use();
  } finally {
    key.destroy();
  }
}

// A place that nothing can have been sealed at is no other answer than the wrong one.
function openingContext(...where: Parameters<typeof contextAt>): ReturnType<typeof contextAt> {
  try {
    return contextAt(...where);
  } catch {
    throw openFailed('no valid place');
  }
}
