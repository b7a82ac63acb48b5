import type { Revision } from './tables.ts';

/** Bytes under a name, until an end. */
export interface StoredRecord {
  readonly bytes: Uint8Array;
  readonly revision: Revision;
  /** Milliseconds since 1970; the record is absent from this instant on. */
  readonly endsAtMs: number;
  /** Who a clean-up can find it by. */
  readonly owners: readonly string[];
}

/** How a record is written. */
export interface RecordWrite {
  readonly endsAtMs: number;
  /** Up to 10. Found again by `list`; for clean-up, never for an access decision. */
  readonly owners?: readonly string[];
  /** Without a guard the write always wins, except over a bar. */
  readonly guard?: { readonly ifAbsent: true } | { readonly ifRevision: Revision };
}

/**
 * Things that end: sessions, codes, interactions, access tokens. Adapters see names and bytes; sealing and
 * blinding are `sealedRecords`. Names are 1 to 512 bytes of text, values up to 256 KiB. `recordsContract` proves every promise here.
 *
 * Every method throws `Refusal`: `item_invalid` for a name, size or end outside the rules, `cursor_invalid`, `store_unavailable`.
 */
export interface Records {
  /** `undefined` when absent, ended or barred. */
  get(name: string): Promise<StoredRecord | undefined>;
  /** Returns the new revision, or `undefined` when the guard lost or the name is barred. */
  put(name: string, bytes: Uint8Array, write: RecordWrite): Promise<Revision | undefined>;
  /** Read and remove in one step: of any number of racing takers one gets the record. */
  take(name: string): Promise<StoredRecord | undefined>;
  /** Move the end of a living record and nothing else; its revision stays. `false` when absent, ended or barred. */
  extend(name: string, endsAtMs: number): Promise<boolean>;
  /** Remove, and refuse every write to the name until then, so that a slower writer cannot bring it back. */
  bar(name: string, untilMs: number): Promise<void>;
  /** Names that the owner has, living ones only; may lag behind. */
  list(
    owner: string,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<{ readonly names: readonly string[]; readonly cursor: string | undefined }>;
  /** Names of all living records. For sweeps and export. */
  scan(page: {
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<{ readonly names: readonly string[]; readonly cursor: string | undefined }>;
  close(): Promise<void>;
}
