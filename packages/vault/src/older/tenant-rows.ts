import { decodeKeyText } from '../keys/key-text.ts';
import { refuseWeakKey } from '../keys/weak-key.ts';
import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { openGcmRow, type GcmRow } from '../seal/gcm-row.ts';
import { hkdfSha256 } from '../seal/keyed-sha256.ts';
import { bytesFrom, type TextEncoding } from './token-text.ts';

// API keys of shops as an MCP server with many tenants kept them: three columns (ciphertext, tag, nonce) under a key of the
// tenant's, which nothing keeps, because it is derived:
//
//   HKDF-SHA-256(key material, salt, `orderdesk-mcp-tenant-{salt}`), 32 bytes; the salt is 64 hex digits
//
// The key material is the root key `MCP_KMS_KEY` or, in some releases, the text of the tenant's own master key; and the salt
// went in as its text or as the 32 bytes that it stands for. Which of these wrote a row cannot be seen on it: whoever imports
// says it, and a wrong answer is `open_failed` at the first row.

const keyBytes = 32;
const infoPrefix = 'orderdesk-mcp-tenant-';
const saltForm = /^[0-9a-f]{64}$/u;

/** What a tenant's key was derived from. */
export interface TenantKeySource {
  /** `MCP_KMS_KEY`: at least 32 bytes in base64, base64url or hex. Or: */
  readonly rootKey?: string | undefined;
  /** the tenant's master key as the tenant was shown it, taken as text; at least 32 characters. */
  readonly masterKey?: string | undefined;
  /** 64 hex digits in lower case, from the tenant's row. */
  readonly salt: string;
  /** How the salt went into the derivation; as its `text` when not given. */
  readonly saltForm?: 'text' | 'bytes' | undefined;
}

/** A row's three columns: bytes, or text. */
export interface SecretColumns {
  readonly ciphertext: Uint8Array | string;
  readonly tag: Uint8Array | string;
  readonly nonce: Uint8Array | string;
}

/**
 * The key of one tenant for rows of {@link openSecretColumns}; the caller wipes it.
 *
 * @throws Refusal `key_weak` for key material that is short or not random, `item_invalid` for a salt of another form
 */
export function earlierTenantKey({ rootKey, masterKey, salt, saltForm: form }: TenantKeySource): Buffer {
  if (!saltForm.test(salt))
    throw refuse('item_invalid', 'the salt of a tenant has 64 hex digits in lower case');
  const material = keyMaterial(rootKey, masterKey);
  try {
    const salted = form === 'bytes' ? Buffer.from(salt, 'hex') : Buffer.from(salt, 'latin1');
    return hkdfSha256(material, salted, infoPrefix + salt, keyBytes);
  } finally {
    material.fill(0);
  }
}

/**
 * The one key of rows that are not under keys of tenants, from base64, base64url or hex; the caller wipes it.
 *
 * @param name of what the text comes from, for the message
 * @throws Refusal `key_weak` for a key of another length than 32 bytes or that is not random
 */
export function rowKey(text: string, name: string): Buffer {
  const key = decodeKeyText(text, name);
  refuseWeakKey(key, name);
  return key;
}

/**
 * The secret of a row, in a buffer of its own that the caller wipes.
 *
 * @param key 32 bytes, not changed
 * @param encoding of columns that are text; `base64` when not given
 * @throws Refusal `open_failed` for every row that does not open, `key_weak` for a key of another length
 */
export function openSecretColumns(
  columns: SecretColumns,
  key: Uint8Array,
  encoding: TextEncoding = 'base64',
): Buffer {
  const bytes = (column: unknown): Uint8Array => {
    if (column instanceof Uint8Array) return column;
    if (typeof column === 'string') return bytesFrom(column, encoding);
    throw openFailed('a column of a sealed row is missing');
  };
  const { ciphertext, tag, nonce } = columns;
  const row: GcmRow = { ciphertext: bytes(ciphertext), tag: bytes(tag), nonce: bytes(nonce) };
  return openGcmRow(row, key);
}

function keyMaterial(rootKey: string | undefined, masterKey: string | undefined): Buffer {
  if ((rootKey === undefined) === (masterKey === undefined))
    throw refuse(
      'key_unavailable',
      'a tenant key is derived from MCP_KMS_KEY or from a master key: give one',
    );
  if (rootKey !== undefined) {
    const root = decodeKeyText(rootKey, 'MCP_KMS_KEY');
    refuseWeakKey(root, 'MCP_KMS_KEY', keyBytes, 1024);
    return root;
  }
  const text = Buffer.from(masterKey ?? '');
  if (text.length < keyBytes || new Set(text).size < 8)
    throw refuse('key_weak', `a master key has at least ${keyBytes} random characters`);
  return text;
}
