import { createSecretKey, hash, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { refuse } from '../refusal.ts';
import type { DataKey } from '../seal/data-key.ts';
import { openFailed } from '../seal/gcm.ts';
import type { Random } from '../seal/key-bytes.ts';
import { hkdfSha256 } from '../seal/keyed-sha256.ts';
import type { ContextOf } from '../seal/kinds.ts';
import { dataKey } from '../seal/open-key.ts';
import { detailsText, refuseOtherLength, sameTenant, tenantKeyContext } from './key-context.ts';
import { decodeKeyText } from './key-text.ts';
import type { KeyContext, KeyProvider } from './provider.ts';
import { refuseWeakKey } from './weak-key.ts';

// A fresh key is not wrapped here: it is HKDF-SHA256 (RFC 5869) of the root key, a random salt and the context, and
// what is kept is the salt with a check value. The check value makes a wrong root, salt or context a refusal, where
// plain derivation would hand out a wrong key in silence. A key that comes from elsewhere cannot be derived: it is
// sealed under a key derived in the same way, used for it alone. The length tells the two forms apart.
//
//   derived = salt (32) · check (32)
//   sealed  = salt (32) · sealed record of kind `tenant_key` (92)

const saltBytes = 32;
const derivedBytes = 64;
const sealedBytes = 124;
const keyLabel = 'sealgate tenant key 1';
const checkLabel = 'sealgate tenant key check 1';
const sealingLabel = 'sealgate tenant key wrap 1';
const refLabel = 'sealgate root key name 1';

/**
 * The provider `hkdf`: tenant keys derived from `MCP_KMS_KEY`, at least 32 bytes in base64, base64url or hex.
 *
 * @throws Refusal `key_weak`
 */
export function hkdfRoot(text: string, random: Random = randomBytes): KeyProvider {
  const bytes = decodeKeyText(text, 'MCP_KMS_KEY');
  refuseWeakKey(bytes, 'MCP_KMS_KEY', 32, 1024);
  let root: KeyObject | undefined = createSecretKey(bytes);
  bytes.fill(0);
  const activeRef = derive(root, Buffer.alloc(0), refLabel, []).subarray(0, 16).toString('base64url');
  const held = (keyRef: string): KeyObject => {
    if (root === undefined || keyRef !== activeRef)
      throw refuse(
        'key_unavailable',
        'the root key in use does not belong to this data; bring back the MCP_KMS_KEY it was sealed with',
        `provider hkdf holds no root key ${keyRef}`,
      );
    return root;
  };
  return {
    name: 'hkdf',
    async generate({ tenant, keyRef = activeRef, context }) {
      sameTenant(tenant, context);
      return { ...deriveKey(held(keyRef), random(saltBytes), context), keyRef };
    },
    async wrap({ tenant, keyRef = activeRef, plaintext, context }) {
      sameTenant(tenant, context);
      refuseOtherLength(plaintext);
      return { wrapped: sealKey(held(keyRef), random(saltBytes), context, plaintext), keyRef };
    },
    async unwrap({ tenant, keyRef, wrapped, context }) {
      sameTenant(tenant, context);
      return openKey(held(keyRef), wrapped, context);
    },
    async rewrap({ tenant, keyRef, wrapped, context }) {
      sameTenant(tenant, context);
      openKey(held(keyRef), wrapped, context).fill(0);
      return { wrapped, keyRef };
    },
    async describe() {
      return root === undefined ? [] : [{ keyRef: activeRef, active: true, createdAtMs: undefined }];
    },
    async close() {
      root = undefined;
    },
  };
}

function deriveKey(root: KeyObject, salt: Uint8Array, context: KeyContext) {
  const check = derive(root, salt, checkLabel, fieldsOf(context));
  const plaintext = derive(root, salt, keyLabel, fieldsOf(context));
  return { plaintext, wrapped: Buffer.concat([salt, check]) };
}

function sealKey(root: KeyObject, salt: Uint8Array, context: KeyContext, plaintext: Uint8Array): Buffer {
  const sealed = withSealing(root, salt, context, (sealing, bound) =>
    sealing.seal('tenant_key', bound, plaintext),
  );
  return Buffer.concat([salt, sealed]);
}

function openKey(root: KeyObject, wrapped: Uint8Array, context: KeyContext): Buffer {
  if (wrapped.length !== derivedBytes && wrapped.length !== sealedBytes)
    throw openFailed('the wrapped key has another length');
  const salt = wrapped.subarray(0, saltBytes);
  if (wrapped.length === sealedBytes)
    return withSealing(root, salt, context, (sealing, bound) =>
      sealing.open('tenant_key', bound, wrapped.subarray(saltBytes)),
    );
  if (!timingSafeEqual(derive(root, salt, checkLabel, fieldsOf(context)), wrapped.subarray(saltBytes)))
    throw openFailed('the check value differs');
  return derive(root, salt, keyLabel, fieldsOf(context));
}

function withSealing<T>(
  root: KeyObject,
  salt: Uint8Array,
  context: KeyContext,
  use: (key: DataKey, bound: ContextOf<'tenant_key'>) => T,
): T {
  const key = dataKey(derive(root, salt, sealingLabel, fieldsOf(context)), 1);
  try {
    return use(key, tenantKeyContext(key, context));
  } finally {
    key.destroy();
  }
}

function fieldsOf(context: KeyContext): readonly string[] {
  const { deployment, tenant, purpose, version } = context;
  const details = detailsText(context);
  return [deployment, tenant, purpose, version, ...(details === '' ? [] : [details])];
}

// JSON of an array of texts is injective for well-formed text, and this path is cold. Hashed, as Node takes 1 KiB of info.
function derive(root: KeyObject, salt: Uint8Array, label: string, fields: readonly string[]): Buffer {
  if (!fields.every((field) => field.isWellFormed())) throw openFailed('a context field is not well-formed');
  return hkdfSha256(root, salt, hash('sha256', JSON.stringify([label, ...fields]), 'buffer'), 32);
}
