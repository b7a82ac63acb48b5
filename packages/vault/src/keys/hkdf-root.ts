import { createSecretKey, hash, randomBytes, timingSafeEqual, type KeyObject } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import type { Random } from '../seal/key-bytes.ts';
import { hkdfSha256 } from '../seal/keyed-sha256.ts';
import { decodeKeyText } from './key-text.ts';
import type { KeyContext, KeyProvider } from './provider.ts';
import { refuseWeakKey } from './weak-key.ts';

// Nothing is wrapped here: a tenant key is HKDF-SHA256 (RFC 5869) of the root key, a random salt and the context, and
// what is kept is the salt with a check value. The check value makes a wrong root, salt or context a refusal, where
// plain derivation would hand out a wrong key in silence.
//
//   wrapped = salt (32) · check (32)

const saltBytes = 32;
const wrappedBytes = 64;
const keyLabel = 'sealgate tenant key 1';
const checkLabel = 'sealgate tenant key check 1';
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
  const unwrap = (keyRef: string, wrapped: Uint8Array, context: KeyContext): Buffer => {
    const key = held(keyRef);
    if (wrapped.length !== wrappedBytes) throw openFailed('the wrapped key has another length');
    const salt = wrapped.subarray(0, saltBytes);
    if (!timingSafeEqual(derive(key, salt, checkLabel, fieldsOf(context)), wrapped.subarray(saltBytes)))
      throw openFailed('the check value differs');
    return derive(key, salt, keyLabel, fieldsOf(context));
  };
  return {
    name: 'hkdf',
    async generate({ tenant, keyRef = activeRef, context }) {
      sameTenant(tenant, context);
      const key = held(keyRef);
      const salt = random(saltBytes);
      const check = derive(key, salt, checkLabel, fieldsOf(context));
      const plaintext = derive(key, salt, keyLabel, fieldsOf(context));
      return { plaintext, wrapped: Buffer.concat([salt, check]), keyRef };
    },
    async unwrap({ tenant, keyRef, wrapped, context }) {
      sameTenant(tenant, context);
      return unwrap(keyRef, wrapped, context);
    },
    async rewrap({ tenant, keyRef, wrapped, context }) {
      sameTenant(tenant, context);
      unwrap(keyRef, wrapped, context).fill(0);
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

function fieldsOf(context: KeyContext): readonly string[] {
  return [context.deployment, context.tenant, context.purpose, context.version];
}

// JSON of an array of texts is injective for well-formed text, and this path is cold. Hashed, as Node takes 1 KiB of info.
function derive(root: KeyObject, salt: Uint8Array, label: string, fields: readonly string[]): Buffer {
  if (!fields.every((field) => field.isWellFormed())) throw openFailed('a context field is not well-formed');
  return hkdfSha256(root, salt, hash('sha256', JSON.stringify([label, ...fields]), 'buffer'), 32);
}

function sameTenant(tenant: string, context: KeyContext): void {
  if (tenant !== context.tenant) throw openFailed('the tenant differs from the context');
}
