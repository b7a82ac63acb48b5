import {
  DecryptCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  ReEncryptCommand,
  type GenerateDataKeyCommandOutput,
} from '@aws-sdk/client-kms';
import { refuse } from '../../refusal.ts';
import { openFailed } from '../../seal/gcm.ts';
import { refuseOtherLength, sameTenant } from '../key-context.ts';
import type { KeyContext, KeyProvider } from '../provider.ts';
import { asking, openClient, type KmsClient, type KmsConnection } from './client.ts';
import { encryptionContext } from './encryption-context.ts';
import { unknownKey, whichKey, type WhichKey } from './which-key.ts';

// The root is a key of AWS KMS that never leaves it. A key is named in every operation, so that no ciphertext chooses the
// key that opens it, and the context of the wrapped key is the encryption context: KMS binds it, checks it in policies,
// and writes it to CloudTrail.

const blobBytesMax = 6144;
const keyBytes = 32;

/** What {@link openKms} needs to know. */
export interface KmsOptions extends KmsConnection {
  /** The key of all tenants that have none of their own: its ARN, id or alias. */
  readonly keyId: string;
  /** Bound to every wrapped key as `service`: with another one it does not open. */
  readonly service: string;
  /** Whether tenants may have keys of their own (see `tenantAlias`); `false` when not given. */
  readonly tenantKeys?: boolean;
  /**
   * Whether `generate` and `wrap` take any key of KMS as `keyRef`, by ARN, id or alias, and `unwrap` any ARN; `false` when
   * not given. For those alone whose rows nobody else can write: a row could otherwise bring in a key of its writer.
   */
  readonly namedKeys?: boolean;
}

/** The provider `kms`. Nothing is asked before the first operation. */
export function openKms({
  keyId,
  service,
  tenantKeys = false,
  namedKeys = false,
  ...connection
}: KmsOptions): KeyProvider {
  const client = openClient(keyId, connection);
  const parts = { client, service, which: whichKey(client, { keyId, tenantKeys, namedKeys }) };
  let closed = false;
  const open = <V>(work: () => Promise<V>): Promise<V> =>
    asking(async () => {
      if (closed) throw refuse('key_unavailable', 'the keys are closed; the process is ending');
      return work();
    });
  return {
    name: 'kms',
    generate: (request) => open(() => generate(parts, request)),
    wrap: (request) => open(() => wrap(parts, request)),
    unwrap: (request) => open(() => unwrap(parts, request)),
    rewrap: (request) => open(() => rewrap(parts, request)),
    describe: () => open(async () => [await parts.which.describe()]),
    async close() {
      closed = true;
      client.close();
    },
  };
}

interface Parts {
  readonly client: KmsClient;
  readonly service: string;
  readonly which: WhichKey;
}

type Given<M extends 'generate' | 'wrap' | 'unwrap' | 'rewrap'> = Parameters<KeyProvider[M]>[0];
type Made<M extends 'generate' | 'wrap' | 'unwrap' | 'rewrap'> = ReturnType<KeyProvider[M]>;

async function generate({ client, service, which }: Parts, request: Given<'generate'>): Made<'generate'> {
  const EncryptionContext = bound(request, service);
  const made = await which.withKey(request.context, request.keyRef, (KeyId) =>
    client.send(new GenerateDataKeyCommand({ KeyId, EncryptionContext, KeySpec: 'AES_256' })),
  );
  return { plaintext: taken(made), ...wrapOf(made) };
}

async function wrap({ client, service, which }: Parts, request: Given<'wrap'>): Made<'wrap'> {
  const EncryptionContext = bound(request, service);
  refuseOtherLength(request.plaintext);
  const made = await which.withKey(request.context, request.keyRef, (KeyId) =>
    client.send(new EncryptCommand({ KeyId, EncryptionContext, Plaintext: request.plaintext })),
  );
  return wrapOf(made);
}

async function unwrap({ client, service, which }: Parts, request: Given<'unwrap'>): Made<'unwrap'> {
  const EncryptionContext = bound(request, service);
  const CiphertextBlob = ciphertext(request.wrapped);
  const KeyId = await which.ofRow(request.keyRef, request.context);
  const opened = await client.send(new DecryptCommand({ KeyId, CiphertextBlob, EncryptionContext }));
  const plaintext = taken(opened);
  if (opened.KeyId === request.keyRef) return plaintext;
  plaintext.fill(0);
  throw unknownKey(request.keyRef);
}

async function rewrap({ client, service, which }: Parts, request: Given<'rewrap'>): Made<'rewrap'> {
  const both = bound(request, service);
  const CiphertextBlob = ciphertext(request.wrapped);
  const SourceKeyId = await which.ofRow(request.keyRef, request.context);
  const contexts = { SourceEncryptionContext: both, DestinationEncryptionContext: both };
  const moved = await which.withKey(request.context, undefined, (DestinationKeyId) =>
    client.send(new ReEncryptCommand({ CiphertextBlob, SourceKeyId, DestinationKeyId, ...contexts })),
  );
  if (moved.SourceKeyId !== request.keyRef) throw unknownKey(request.keyRef);
  return wrapOf(moved);
}

function bound(
  { tenant, context }: { readonly tenant: string; readonly context: KeyContext },
  service: string,
): Record<string, string> {
  sameTenant(tenant, context);
  return encryptionContext(context, service);
}

/** The wrapped key when KMS may have made it. @throws Refusal `open_failed` */
export function ciphertext(wrapped: Uint8Array): Uint8Array {
  if (wrapped.length >= 1 && wrapped.length <= blobBytesMax) return wrapped;
  throw openFailed('the wrapped key has another length');
}

/** The key of an answer, in memory of its own; what the SDK made of it is wiped. */
export function taken({
  Plaintext: given = new Uint8Array(),
}: Pick<GenerateDataKeyCommandOutput, 'Plaintext'>): Buffer {
  if (given.length !== keyBytes) {
    given.fill(0);
    throw openFailed('the wrapped key has another length');
  }
  const key = Buffer.allocUnsafeSlow(keyBytes);
  key.set(given);
  given.fill(0);
  return key;
}

/** The wrapped key of an answer, and the key that wrapped it. @throws Refusal `key_unavailable` */
export function wrapOf({
  CiphertextBlob: wrapped,
  KeyId: keyRef,
}: Pick<GenerateDataKeyCommandOutput, 'CiphertextBlob' | 'KeyId'>): { wrapped: Uint8Array; keyRef: string } {
  if (wrapped !== undefined && keyRef !== undefined) return { wrapped, keyRef };
  throw refuse('key_unavailable', 'the key service gave an answer that cannot be read');
}
