import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import { openGcmRow, sealGcmRow } from '../seal/gcm-row.ts';

// Sessions as version 1 wrote them: AES-256-GCM under a data key of each session's own, wrapped by a key service, in four
// attributes of standard base64 beside `sessionId`, `version` and `ttl`. What other programs called the four is an option.

/** A session that is encrypted, in standard base64. */
export interface EncryptionResult {
  readonly encryptedData: string;
  readonly iv: string;
  readonly authTag: string;
  /** The session's data key, wrapped by the key service. */
  readonly encryptedDataKey: string;
}

/** A row of version 1, with the attributes of {@link EncryptionResult} under their configured names. */
export interface EncryptedSessionRecord {
  readonly sessionId: string;
  /** 1. */
  readonly version: number;
  /** Unix seconds. */
  readonly ttl: number;
  readonly [attribute: string]: unknown;
}

/** How rows of version 1 are read. */
export interface Version1Options {
  /** Names of the attributes; those of {@link EncryptionResult} when not given. */
  readonly attributes?: Partial<Record<keyof EncryptionResult, string>> | undefined;
  /** The plaintext of a wrapped data key (KMS `Decrypt`), 32 bytes; wiped here. */
  readonly unwrap: (wrapped: Uint8Array, sessionId: string) => Promise<Uint8Array>;
  /** A new data key (KMS `GenerateDataKey`); its plaintext is wiped here. Given: sessions are also written as version 1. */
  readonly generate?:
    | ((sessionId: string) => Promise<{ readonly plaintext: Uint8Array; readonly wrapped: Uint8Array }>)
    | undefined;
  /** What the rows were bound to; nothing when not given. */
  readonly additionalData?: ((sessionId: string) => Uint8Array) | undefined;
}

const version = 1;

/** The names of the four attributes. */
export function version1Names({ attributes = {} }: Pick<Version1Options, 'attributes'>): EncryptionResult {
  return {
    encryptedData: attributes.encryptedData ?? 'encryptedData',
    iv: attributes.iv ?? 'iv',
    authTag: attributes.authTag ?? 'authTag',
    encryptedDataKey: attributes.encryptedDataKey ?? 'encryptedDataKey',
  };
}

/**
 * The JSON of a session.
 *
 * @throws Refusal `record_version_unknown` for another version, `open_failed` for what does not open; errors of `unwrap`
 */
export async function openVersion1(
  record: EncryptedSessionRecord,
  options: Version1Options,
): Promise<string> {
  if (record.version !== version) throw versionUnknown(record.version);
  const names = version1Names(options);
  const read = (name: keyof EncryptionResult): Buffer => bytesOf(record[names[name]], names[name]);
  const row = { ciphertext: read('encryptedData'), nonce: read('iv'), tag: read('authTag') };
  const key = await options.unwrap(read('encryptedDataKey'), record.sessionId);
  try {
    if (key.length !== 32) throw openFailed('a data key of version 1 has not 32 bytes');
    const plaintext = openGcmRow(row, key, options.additionalData?.(record.sessionId));
    const text = plaintext.toString('utf8');
    plaintext.fill(0);
    return text;
  } finally {
    key.fill(0);
  }
}

/** A session as version 1 wrote it, under a new data key. */
export async function sealVersion1(
  { sessionId, ttl }: Pick<EncryptedSessionRecord, 'sessionId' | 'ttl'>,
  text: string,
  options: Version1Options & Required<Pick<Version1Options, 'generate'>>,
): Promise<EncryptedSessionRecord> {
  const made = await options.generate?.(sessionId);
  if (made === undefined) throw refuse('key_unavailable', 'there is no key service to write sessions with');
  try {
    const names = version1Names(options);
    const sealed = sealGcmRow(Buffer.from(text), made.plaintext, options.additionalData?.(sessionId));
    return {
      sessionId,
      version,
      ttl,
      [names.encryptedData]: base64(sealed.ciphertext),
      [names.iv]: base64(sealed.nonce),
      [names.authTag]: base64(sealed.tag),
      [names.encryptedDataKey]: base64(made.wrapped),
    };
  } finally {
    made.plaintext.fill(0);
  }
}

// Whoever can write the table chooses this value: numbers alone go into the message.
function versionUnknown(said: unknown): Error {
  const name = typeof said === 'number' ? `of version ${said}` : 'without a version';
  return refuse('record_version_unknown', `sessions ${name} are not known to this release`);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function bytesOf(value: unknown, name: string): Buffer {
  if (value instanceof Uint8Array) return Buffer.from(value);
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'base64');
    if (bytes.toString('base64') === value) return bytes;
  }
  throw openFailed(`the attribute ${name} of a session row of version 1 is no base64`);
}
