/**
 * A request that the vault turns down on purpose. Expected answers are values, refusals are this,
 * anything else that is thrown is a bug of ours.
 *
 * @typeParam Code the union of codes of one package; each is explained in `docs/errors.md`.
 */
export class Refusal<Code extends string = string> extends Error {
  override readonly name = 'Refusal';
  /** Stable, lower_snake, safe to show and to program against. */
  readonly code: Code;
  /** For the log only: may name files, tables and ids; never a secret. `undefined` when the message says it all. */
  readonly detail: string | undefined;

  /** @param message one sentence that is safe to show to whoever asked */
  constructor(code: Code, message: string, detail?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** Every code a {@link Refusal} of the vault can carry. `docs/errors.md` lists them; a test holds both equal. */
export const vaultCodes = [
  'audit_unavailable',
  'context_invalid',
  'credential_invalid',
  'credential_misdirected',
  'credential_missing',
  'cursor_invalid',
  'data_directory_in_use',
  'data_directory_unsafe',
  'export_invalid',
  'item_invalid',
  'journal_broken',
  'key_disabled',
  'key_shredded',
  'key_unavailable',
  'key_weak',
  'key_work_running',
  'loan_spent',
  'log_held',
  'log_invalid',
  'log_unreadable',
  'open_failed',
  'receipt_invalid',
  'record_version_unknown',
  'session_changed',
  'store_filled',
  'store_frozen',
  'store_insecure',
  'store_unavailable',
  'token_pending',
] as const;

/** One of {@link vaultCodes}. */
export type VaultCode = (typeof vaultCodes)[number];

/** A {@link Refusal} with a code of the vault. */
export function refuse(
  code: VaultCode,
  message: string,
  detail?: string,
  cause?: unknown,
): Refusal<VaultCode> {
  return new Refusal(code, message, detail, cause === undefined ? undefined : { cause });
}
