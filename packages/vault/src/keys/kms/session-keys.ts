import { DecryptCommand, GenerateDataKeyCommand } from '@aws-sdk/client-kms';
import { asking, openClient, type KmsConnection } from './client.ts';
import { ciphertext, taken, wrapOf } from './open-kms.ts';

// Data keys of single sessions, as version 1 had them: each is made and opened by one call of KMS, none is kept.

/** What {@link openKmsSessionKeys} needs to know. */
export interface KmsSessionKeysOptions extends KmsConnection {
  /** The key that wraps: its ARN, id or alias. Named in every operation. */
  readonly keyId: string;
  /** The encryption context of a session's key; none when not given, as version 1 wrote it. */
  readonly context?: ((sessionId: string) => Readonly<Record<string, string>>) | undefined;
}

/** The key service of `encryptSessionData`, `decryptSessionData` and rows of version 1. */
export interface KmsSessionKeys {
  /** KMS `GenerateDataKey`. @throws Refusal `key_unavailable` */
  generate(sessionId: string): Promise<{ readonly plaintext: Buffer; readonly wrapped: Uint8Array }>;
  /** KMS `Decrypt`. @throws Refusal `open_failed` for what this key did not wrap so, `key_unavailable` */
  unwrap(wrapped: Uint8Array, sessionId: string): Promise<Buffer>;
  close(): void;
}

/** Open a client for data keys of sessions. Nothing is asked before the first session. */
export function openKmsSessionKeys(options: KmsSessionKeysOptions): KmsSessionKeys {
  const { keyId: KeyId, context, ...connection } = options;
  const client = openClient(KeyId, connection);
  const bound = (sessionId: string) =>
    context === undefined ? {} : { EncryptionContext: { ...context(sessionId) } };
  return {
    generate: (sessionId) =>
      asking(async () => {
        const command = new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', ...bound(sessionId) });
        const made = await client.send(command);
        return { plaintext: taken(made), wrapped: wrapOf(made).wrapped };
      }),
    unwrap: (wrapped, sessionId) =>
      asking(async () => {
        const CiphertextBlob = ciphertext(wrapped);
        return taken(await client.send(new DecryptCommand({ KeyId, CiphertextBlob, ...bound(sessionId) })));
      }),
    close: () => client.close(),
  };
}
