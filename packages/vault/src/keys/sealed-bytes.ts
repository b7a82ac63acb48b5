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
  const own = ownSealing(keys, parts);
  return {
    async seal(kind, place, plaintext) {
      const context = contextAt(parts.deployment, kind, place);
      const scope: Scope = { tenant: place.tenant, kind, subject: place.subject };
      if (kinds[kind].ownKey) return own.seal(scope, context, plaintext);
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
      const id = Buffer.from(dataKeyId.buffer, dataKeyId.byteOffset, dataKeyId.length).toString('latin1');
      if (kinds[kind].ownKey) return own.open(scope, id, context, sealed);
      const held = keys.byIdNow(scope, id);
      if (held !== undefined) return held.key.open(kind, context, sealed);
      return withKey(
        () => keys.byId(scope, id),
        ({ key }) => key.open(kind, context, sealed),
      );
    },
  };
}

type Context = ReturnType<typeof contextAt>;

// Kinds whose records carry their key. One that was opened is kept for as long as the tenant's other keys: the record's tag
// covers what it carries, so a record that carries anything else does not open with it.
function ownSealing(keys: KeysInUse, parts: DataKeyParts) {
  const wrapping = <T>({ tenant }: Scope, version: string | undefined, use: (held: HeldKey) => T) => {
    const held = keys.tenantKeyNow(tenant, version);
    return held?.live === true ? use(held) : withKey(() => keys.tenantKey(tenant, version), use);
  };
  return {
    seal: (scope: Scope, context: Context, plaintext: Uint8Array): Buffer | Promise<Buffer> =>
      wrapping(scope, undefined, (tenantKey) => {
        const { key, carried } = freshOwnKey(parts, scope, tenantKey);
        try {
          return key.seal(scope.kind, context, plaintext, carried);
        } finally {
          key.destroy();
        }
      }),
    open(scope: Scope, id: string, context: Context, sealed: Uint8Array): Buffer | Promise<Buffer> {
      const known = keys.ownKeyNow(scope, id);
      if (known !== undefined) return known.open(scope.kind, context, sealed);
      return wrapping(scope, ownKeyVersion(sealed), (tenantKey) => {
        const key = openOwnKey(parts, scope, sealed, tenantKey);
        try {
          const plaintext = key.open(scope.kind, context, sealed);
          keys.keepOwnKey(scope, id, key);
          return plaintext;
        } catch (error) {
          key.destroy();
          throw error;
        }
      });
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

// A place that nothing can have been sealed at is no other answer than the wrong one.
function openingContext(...where: Parameters<typeof contextAt>): ReturnType<typeof contextAt> {
  try {
    return contextAt(...where);
  } catch {
    throw openFailed('no valid place');
  }
}
