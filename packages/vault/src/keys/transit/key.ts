import { refuse } from '../../refusal.ts';
import { notUnderstood, refusalOf } from './refusals.ts';
import type { Session } from './login.ts';

// Which key of the transit engine may be a root key: one that never leaves the engine and binds a context.

const type = 'aes256-gcm96';

/** Where a key of the engine is. */
export interface KeyPlace {
  /** Where the transit engine is mounted. */
  readonly mount: string;
  readonly key: string;
}

/** A version of the key, as the engine keeps it. */
export interface KeyVersion {
  readonly version: number;
  readonly createdAtMs: number;
}

/** What the engine says of the key. */
export interface TransitKeyState {
  readonly latestVersion: number;
  /** What was wrapped by an earlier one does not open. */
  readonly minDecryptionVersion: number;
  /** Ascending; those that are trimmed away are missing. */
  readonly versions: readonly KeyVersion[];
}

/** @throws Refusal `key_unavailable` for names that would reach another path of the API */
export function checkPlace({ mount, key }: KeyPlace): void {
  const named = /^\w[\w.-]*(?:\/\w[\w.-]*)*$/u.test(mount) && /^\w(?:[\w.-]*\w)?$/u.test(key);
  if (!named)
    throw refuse(
      'key_unavailable',
      'VAULT_TRANSIT_MOUNT and VAULT_TRANSIT_KEY must be names of letters, digits, "_", "-" and "."',
    );
}

/**
 * Read the key, and refuse one that is no root key.
 *
 * @throws Refusal `key_weak` for a key of another type, or one that is not derived, or can leave the engine;
 *   `key_unavailable`
 */
export async function readKey(session: Session, { mount, key }: KeyPlace): Promise<TransitKeyState> {
  const path = `${mount}/keys/${key}`;
  const answer = await session.ask({ method: 'GET', path });
  if (answer.status !== 200) throw refusalOf(answer, path);
  const data = answer.body?.['data'] as Readonly<Record<string, unknown>> | undefined;
  if (typeof data !== 'object' || data === null) throw notUnderstood(`${path}: no data`);
  if (typeof data['type'] !== 'string') throw notUnderstood(`${path}: no type`);
  const fault = faultOf(data);
  if (fault !== undefined)
    throw refuse(
      'key_weak',
      `the transit key ${key} ${fault}; make another: vault write ${mount}/keys/<name> type=${type} derived=true`,
    );
  const { latest_version: latestVersion, min_decryption_version: minDecryptionVersion } = data;
  if (typeof latestVersion !== 'number' || typeof minDecryptionVersion !== 'number')
    throw notUnderstood(`${path}: no versions`);
  const versions = Object.entries(data['keys'] ?? {})
    .map(([version, seconds]) => ({ version: Number(version), createdAtMs: Number(seconds) * 1000 }))
    .toSorted((one, other) => one.version - other.version);
  return { latestVersion, minDecryptionVersion, versions };
}

function faultOf(data: Readonly<Record<string, unknown>>): string | undefined {
  if (data['type'] !== type) return `is not of type ${type}`;
  if (data['derived'] !== true) return 'is not derived, so it binds no context';
  if (data['convergent_encryption'] !== false)
    return 'encrypts convergently, so equal keys would be seen to be equal';
  if (data['exportable'] !== false) return 'is exportable, so it can leave the engine';
  if (data['allow_plaintext_backup'] !== false)
    return 'allows a backup in plain text, so it can leave the engine';
  return undefined;
}
