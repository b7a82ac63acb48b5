/** What a root key is told and binds when it wraps a tenant key. Opaque ids only: key services log it. */
export interface KeyContext {
  readonly deployment: string;
  readonly tenant: string;
  readonly purpose: string;
  readonly version: string;
  /**
   * Further pairs that are bound and may be logged, in whatever order they are written. Nothing, and no pairs, are the
   * same.
   */
  readonly details?: Readonly<Record<string, string>>;
}

/** What a provider says of one of its root keys. */
export interface RootKey {
  readonly keyRef: string;
  /** Whether `generate` uses it when no `keyRef` is given. */
  readonly active: boolean;
  readonly createdAtMs: number | undefined;
}

/**
 * Where the root lies: it wraps tenant keys and is asked for nothing else. Adapters: local keyring file,
 * `TOKEN_ENCRYPTION_KEY`. Disabling is ours (the epoch), not the provider's. `keyProviderContract` proves every promise.
 *
 * Every method throws `Refusal` `key_unavailable` when the provider cannot answer; `unwrap` and `rewrap` throw
 * `open_failed` when the wrapped key, its context or its `keyRef` do not belong together. Every one throws `open_failed`
 * for a tenant that is not the one of the context.
 */
export interface KeyProvider {
  /** As `KEY_PROVIDER` names it. */
  readonly name: string;
  /** A fresh 32-byte key in plain (the caller wipes it) and wrapped. */
  generate(request: {
    readonly tenant: string;
    readonly keyRef?: string;
    readonly context: KeyContext;
  }): Promise<{ readonly plaintext: Buffer; readonly wrapped: Uint8Array; readonly keyRef: string }>;
  /**
   * A key that exists, wrapped: for a move from another provider.
   *
   * @throws Refusal `key_weak` for a key of another length
   */
  wrap(request: {
    readonly tenant: string;
    readonly keyRef?: string;
    /** 32 bytes, not changed and not kept; the caller wipes them. */
    readonly plaintext: Uint8Array;
    readonly context: KeyContext;
  }): Promise<{ readonly wrapped: Uint8Array; readonly keyRef: string }>;
  /** The key in plain; the caller wipes it. */
  unwrap(request: {
    readonly tenant: string;
    readonly keyRef: string;
    readonly wrapped: Uint8Array;
    readonly context: KeyContext;
  }): Promise<Buffer>;
  /** The same key under the active root key. */
  rewrap(request: {
    readonly tenant: string;
    readonly keyRef: string;
    readonly wrapped: Uint8Array;
    readonly context: KeyContext;
  }): Promise<{ readonly wrapped: Uint8Array; readonly keyRef: string }>;
  describe(): Promise<readonly RootKey[]>;
  close(): Promise<void>;
}
