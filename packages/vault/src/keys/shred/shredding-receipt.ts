import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import type { SigningKey } from './signing-key.ts';

// What was destroyed, stated and signed. A file holds
//
//   { "receipt": { "format": "sealgate-shredding-1", … }, "publicKey": PEM, "signature": base64 }
//
// and the signature (Ed25519) is that of the receipt as canonical text: JSON without spaces, the names of every object in
// the order of their UTF-16 units (RFC 8785; a receipt holds text, whole numbers, lists and objects). Whoever knows the
// public key of the deployment from elsewhere needs nothing else to check it.

/** The form of a receipt. */
export const receiptFormat = 'sealgate-shredding-1';

/** One key that was destroyed. */
export interface DestroyedKey {
  readonly table: 'tenant_keys' | 'data_keys';
  readonly tenant: string;
  /** Of a tenant key its version; of a data key `kind#subject#id`. */
  readonly name: string;
  /** SHA-256 of the key's commitment, in hex: proves which key it was, to whoever has a copy of its row. */
  readonly commitmentDigest: string;
}

/** Where something may still lie that this deployment cannot reach. */
export interface BackupNote {
  /** Which copy. */
  readonly where: string;
  /** What it holds, and what opens it. */
  readonly holds: string;
  /** A time (ISO 8601), or in words when it ends. */
  readonly until: string;
}

/** What a store says of itself after something was destroyed in it. */
export interface StorageNote {
  /** Such as `sqlite` or `dynamodb`. */
  readonly store: string;
  /** What was done so that nothing of it is left there. */
  readonly done: string;
}

/** What was destroyed. */
export interface ShreddingReceipt {
  readonly format: typeof receiptFormat;
  /** Of this shredding. */
  readonly id: string;
  readonly deployment: string;
  readonly of: { readonly kind: 'tenant' | 'person'; readonly id: string };
  /** The tenants all of whose keys were destroyed. */
  readonly tenants: readonly string[];
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** The entry of the journal, and the request that it belongs to. */
  readonly by: { readonly entry: string; readonly correlation: string };
  readonly keys: {
    readonly tenantKeys: number;
    readonly dataKeys: number;
    /** The first {@link listedKeysMax} of them. */
    readonly listed: readonly DestroyedKey[];
    /** Over all, in order: SHA-256 in hex of the digest before (`''` at first) and the key's line. */
    readonly digest: string;
  };
  /** Rows and records removed, by table; at least so many where it was interrupted. */
  readonly removed: Readonly<Record<string, number>>;
  /** What wrapped the tenants' keys. */
  readonly wrappedBy: readonly { readonly provider: string; readonly keyRef: string }[];
  readonly storage: StorageNote;
  readonly backups: readonly BackupNote[];
}

/** A receipt with its proof, as it lies in a file. */
export interface SignedReceipt {
  readonly receipt: ShreddingReceipt;
  /** PEM. */
  readonly publicKey: string;
  /** Base64. */
  readonly signature: string;
}

/** So many keys are listed by name; all of them are in the digest. */
export const listedKeysMax = 1000;

/** The text of which a receipt's signature is. */
export function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const sorted = members.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${sorted.map(([name, member]) => `${JSON.stringify(name)}:${canonicalText(member)}`).join(',')}}`;
}

/** Sign it for the deployment. */
export function signReceipt(key: SigningKey, receipt: ShreddingReceipt): SignedReceipt {
  return { receipt, publicKey: key.publicKey, signature: key.sign(canonicalText(receipt)) };
}

/** What a look at a signed receipt comes to. */
export type ReceiptVerdict =
  | { readonly genuine: true; readonly receipt: ShreddingReceipt }
  /** `why` is safe to show. */
  | { readonly genuine: false; readonly why: string };

/**
 * Check a receipt, with nothing but its file.
 *
 * @param text the file
 * @param publicKey PEM of the deployment's key, from elsewhere. `undefined`: the one in the file, which proves that nothing
 *   was changed since somebody signed it, and not who that was
 */
export function verifyReceipt(text: string, publicKey?: string): ReceiptVerdict {
  const parsed = partsOf(text);
  if (parsed === undefined) return no('it is not a receipt of a shredding');
  const named = keyIn(parsed.publicKey);
  const known = publicKey === undefined ? named : keyIn(publicKey);
  if (named === undefined || known === undefined) return no('its public key is not an Ed25519 key');
  if (!known.equals(named)) return no('it was signed by another deployment');
  const signed = Buffer.from(canonicalText(parsed.receipt));
  if (!verify(undefined, signed, known, Buffer.from(parsed.signature, 'base64')))
    return no('it was changed after it was signed');
  return { genuine: true, receipt: parsed.receipt };
}

function no(why: string): ReceiptVerdict {
  return { genuine: false, why };
}

function partsOf(text: string): SignedReceipt | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { receipt, publicKey, signature } = parsed as Partial<SignedReceipt>;
  if (typeof receipt !== 'object' || receipt?.format !== receiptFormat) return undefined;
  if (typeof publicKey !== 'string' || typeof signature !== 'string') return undefined;
  return { receipt, publicKey, signature };
}

function keyIn(pem: string): KeyObject | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}
