import { openFailed } from '../seal/gcm.ts';
import { isObject } from './session-value.ts';
import {
  openVersion1,
  sealVersion1,
  type EncryptedSessionRecord,
  type EncryptionResult,
  type Version1Options,
} from './version1.ts';

// A session's data without a store around it, in the form of version 1: AES-256-GCM under a data key of the session's own,
// which a key service has wrapped and alone can unwrap.

/** Which key service wraps data keys, and what else a session is bound to. */
export interface SessionDataOptions extends Pick<Version1Options, 'additionalData'> {
  /** Told to the key service, and to `additionalData`; `''` when not given. */
  readonly sessionId?: string | undefined;
}

/**
 * Encrypt the data of a session under a new data key.
 *
 * @param keys `generate`: KMS `GenerateDataKey`, called once
 * @throws TypeError for what has no JSON; errors of `generate`
 */
export async function encryptSessionData(
  data: object,
  keys: Required<Pick<Version1Options, 'generate'>>,
  { sessionId = '', additionalData }: SessionDataOptions = {},
): Promise<EncryptionResult> {
  const text = JSON.stringify(data);
  const unwrap = async (): Promise<never> => {
    throw openFailed('nothing is unwrapped to encrypt');
  };
  const row = await sealVersion1({ sessionId, ttl: 0 }, text, { ...keys, unwrap, additionalData });
  const { encryptedData, iv, authTag, encryptedDataKey } = row as EncryptedSessionRecord & EncryptionResult;
  return { encryptedData, iv, authTag, encryptedDataKey };
}

/**
 * The data of a session that {@link encryptSessionData}, or a program before it, encrypted.
 *
 * @param encrypted also a whole row, whose `version` is then looked at
 * @param keys `unwrap`: KMS `Decrypt`, called once
 * @throws Refusal `record_version_unknown` for another version than 1, `open_failed` for what does not open or holds no
 *   session; errors of `unwrap`
 */
export async function decryptSessionData(
  encrypted: EncryptionResult & { readonly version?: number },
  keys: Pick<Version1Options, 'unwrap'>,
  { sessionId = '', additionalData }: SessionDataOptions = {},
): Promise<Record<string, unknown>> {
  const row = { version: 1, ...encrypted, sessionId, ttl: 0 };
  const text = await openVersion1(row, { ...keys, additionalData });
  return sessionIn(text);
}

/**
 * The session that a text holds.
 *
 * @throws Refusal `open_failed`; the text goes into no message
 */
export function sessionIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value as Record<string, unknown>;
  } catch {
    // The same answer as for JSON of another kind.
  }
  throw openFailed('a session of version 1 holds no session');
}
