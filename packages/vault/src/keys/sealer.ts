import type { KindName } from '../seal/kinds.ts';

/** Where a sealed value lies. It opens there and nowhere else. */
export interface Place {
  readonly tenant: string;
  /** A person or another part of the tenant; `''` for the tenant as a whole. */
  readonly subject: string;
  /** The logical table, never with a deployment's prefix. */
  readonly table: string;
  readonly record: string;
  readonly field: string;
  /** Grant epoch: a new grant in the same row does not open what an older one sealed. */
  readonly epoch: number;
}

/** Kinds that lie at a {@link Place}; the wraps have contexts of their own. */
export type PlacedKind = Exclude<KindName, 'data_key' | 'tenant_key'>;

/**
 * Seals and opens under a tenant's own keys: root → tenant key version → data key (tenant, kind, subject) → record.
 * Tenant keys are cached for 300 s from unwrap (±10 % jitter, single flight, epoch checked on every hit).
 */
export interface Sealer {
  /** Opaque id of this deployment, minted once; part of every place. */
  readonly deployment: string;
  /** @throws Refusal `key_unavailable` when the root key cannot be asked, `context_invalid` */
  seal(kind: PlacedKind, place: Place, plaintext: Uint8Array): Promise<Buffer>;
  /**
   * @returns the plaintext, in a buffer of its own that the caller wipes
   * @throws Refusal `open_failed`, `record_version_unknown`, `key_unavailable` (never mixed up with a bad record)
   */
  open(kind: PlacedKind, place: Place, sealed: Uint8Array): Promise<Buffer>;
  /** A name nobody can read or guess: base64url of HMAC-SHA-256 under the deployment's blind key, bound to `purpose`. */
  blind(purpose: string, name: string): string;
  /** Forget every key of the tenant now; the next use unwraps anew. */
  revoke(tenant: string): void;
  /** Wipe all keys. */
  close(): Promise<void>;
}
