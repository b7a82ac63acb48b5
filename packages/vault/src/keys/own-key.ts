import { Refusal } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { parseRecord } from '../seal/record.ts';
import { toText } from '../seal/text-form.ts';
import { openWrapped, wrapFresh, wrapOf, type DataKeyParts, type Scope } from './data-keys.ts';
import type { HeldKey } from './key-cache.ts';
import type { DataKey } from '../seal/data-key.ts';

// Kinds with keys of their own: each record is sealed under a fresh data key, which travels in the record:
//
//   tenant key version (6 digits) · commitment (32) · sealed record of kind `data_key`
//
// All of it is covered by the record's tag, so whoever destroys these bytes has shredded this one record.
//
// Suite 1 guards against nonces that meet after billions of records under one key. A key of one record has no second nonce,
// so fresh ones are always of suite 2, which spares the derivation of a subkey. The wrap binds the suite.

const suite = 2;
const versionLength = 6;
const commitmentBytes = 32;

/** A fresh key for one record, and what the record carries. The caller destroys the key. */
export function freshOwnKey(
  parts: DataKeyParts,
  scope: Scope,
  tenantKey: HeldKey,
): { readonly key: DataKey; readonly carried: Buffer } {
  const { key, wrapped } = wrapFresh({ ...parts, suite }, scope, tenantKey.version, tenantKey.key);
  const carried = Buffer.allocUnsafe(versionLength + commitmentBytes + wrapped.length);
  carried.write(tenantKey.version, 'latin1');
  carried.set(key.commitment, versionLength);
  carried.set(wrapped, versionLength + commitmentBytes);
  return { key, carried };
}

/** Version of the tenant's key that wraps a record's own key. */
export function ownKeyVersion(sealed: Uint8Array): string {
  const version = Buffer.from(carriedBy(sealed).subarray(0, versionLength)).toString('latin1');
  if (!/^\d{6}$/u.test(version)) throw openFailed('the wrapped key names no version');
  return version;
}

/** The own key of a record. The caller destroys it. */
export function openOwnKey(
  parts: Pick<DataKeyParts, 'deployment' | 'random'>,
  scope: Scope,
  sealed: Uint8Array,
  tenantKey: HeldKey,
): DataKey {
  const carried = carriedBy(sealed);
  const { suite: said } = parseRecord(sealed);
  const commitment = toText(carried.subarray(versionLength, versionLength + commitmentBytes));
  const context = { ...wrapOf(parts, scope, { suite: said, kekVersion: tenantKey.version }), commitment };
  try {
    return openWrapped(parts, context, carried.subarray(versionLength + commitmentBytes), tenantKey.key);
  } catch (error) {
    // The wrap is part of the record: its format byte is no version of the record.
    if (error instanceof Refusal && error.code === 'record_version_unknown')
      throw openFailed('the wrapped key is damaged');
    throw error;
  }
}

function carriedBy(sealed: Uint8Array): Uint8Array {
  const { wrapped } = parseRecord(sealed);
  if (wrapped === undefined || wrapped.length <= versionLength + commitmentBytes)
    throw openFailed('the record carries no key');
  return wrapped;
}
