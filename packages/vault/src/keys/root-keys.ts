import { refuse } from '../refusal.ts';
import { dataKey } from '../seal/open-key.ts';
import type { DataKey } from '../seal/data-key.ts';
import { mintKeyBytes, type Random } from '../seal/key-bytes.ts';
import { refuseOtherLength, sameTenant, tenantKeyContext } from './key-context.ts';
import type { KeyContext, KeyProvider } from './provider.ts';

// What all local providers share: root keys in this process, each wrapping tenant keys as sealed records of kind
// `tenant_key`. A root key's `keyRef` is its own id, the first half of its commitment, so a name can never point
// at other key bytes than those it was given for.

/** A root key on its way into {@link rootKeys}, which takes the bytes over and wipes them. */
export interface RootBytes {
  readonly bytes: Buffer;
  /** `undefined` when the provider cannot know it. */
  readonly createdAtMs: number | undefined;
}

/** The parts of a local provider. */
export interface RootParts {
  /** As `KEY_PROVIDER` names it. */
  readonly name: string;
  /** The first one is active. */
  readonly roots: readonly [RootBytes, ...RootBytes[]];
  /** `randomBytes` of `node:crypto` when not given. */
  readonly random?: Random;
}

/** A provider over root keys that lie in this process. */
export function rootKeys({ name, roots, random }: RootParts): KeyProvider {
  const held = inUse(roots, random);
  const [activeRef = ''] = held.keys();
  const root = (keyRef: string): DataKey => held.get(keyRef)?.key ?? unknownRoot(name, keyRef);
  const wrap = (keyRef: string, context: KeyContext, plaintext: Uint8Array) => {
    const key = root(keyRef);
    return { wrapped: key.seal('tenant_key', tenantKeyContext(key, context), plaintext), keyRef };
  };
  const unwrap = ({ tenant, keyRef, wrapped, context }: Parameters<KeyProvider['unwrap']>[0]): Buffer => {
    sameTenant(tenant, context);
    const key = root(keyRef);
    return key.open('tenant_key', tenantKeyContext(key, context), wrapped);
  };
  return {
    name,
    async generate({ tenant, keyRef = activeRef, context }) {
      sameTenant(tenant, context);
      const plaintext = mintKeyBytes(random);
      return { plaintext, ...wrap(keyRef, context, plaintext) };
    },
    async wrap({ tenant, keyRef = activeRef, plaintext, context }) {
      sameTenant(tenant, context);
      refuseOtherLength(plaintext);
      return wrap(keyRef, context, plaintext);
    },
    unwrap: async (request) => unwrap(request),
    async rewrap(request) {
      const plaintext = unwrap(request);
      try {
        return wrap(activeRef, request.context, plaintext);
      } finally {
        plaintext.fill(0);
      }
    },
    async describe() {
      return [...held].map(([keyRef, { createdAtMs }]) => ({
        keyRef,
        active: keyRef === activeRef,
        createdAtMs,
      }));
    },
    async close() {
      for (const { key } of held.values()) key.destroy();
      held.clear();
    },
  };
}

/** The name of a local root key: its own id in base64url. */
export function keyRefOf(key: DataKey): string {
  return Buffer.from(key.id).toString('base64url');
}

function inUse(roots: readonly RootBytes[], random: Random | undefined): Map<string, Root> {
  const held = new Map<string, Root>();
  for (const { bytes, createdAtMs } of roots) {
    const key = dataKey(bytes, 1, random === undefined ? {} : { random });
    held.set(keyRefOf(key), { key, createdAtMs });
  }
  return held;
}

interface Root {
  readonly key: DataKey;
  readonly createdAtMs: number | undefined;
}

function unknownRoot(name: string, keyRef: string): never {
  throw refuse(
    'key_unavailable',
    'the root key in use does not belong to this data; bring back the key it was sealed with',
    `provider ${name} holds no root key ${keyRef}`,
  );
}
