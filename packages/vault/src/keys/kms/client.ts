import { KMSClient } from '@aws-sdk/client-kms';
import { awsOptions, type AwsConnection } from '../../store/aws-client.ts';
import { kmsRefusal } from './kms-error.ts';

/** Where AWS KMS is, and who asks. `region` not given: that of the key's ARN, else what the environment says. */
export interface KmsConnection extends AwsConnection {
  /** The longest that one request may take, with its repetitions; 6000 when not given. */
  readonly patienceMs?: number | undefined;
}

/** A client that gives up. */
export interface KmsClient {
  /** Send one request. Errors are those of the SDK: see {@link asking}. */
  readonly send: KMSClient['send'];
  close(): void;
}

const attemptsMax = 3;
const patienceMsDefault = 6000;
const limits = { connectMs: 1000, answerMs: 3000, sockets: { maxSockets: 32, maxFreeSockets: 4 } };

/** Open a client for a key, whose requests end after three attempts, and never later than its patience. */
export function openClient(
  keyId: string,
  { patienceMs = patienceMsDefault, ...connection }: KmsConnection,
): KmsClient {
  const region = connection.region ?? regionOfKey(keyId);
  const client = new KMSClient({
    ...awsOptions({ ...connection, region }, limits),
    maxAttempts: attemptsMax,
  });
  return {
    send: (command: never) => client.send(command, { abortSignal: AbortSignal.timeout(patienceMs) }) as never,
    close: () => client.destroy(),
  };
}

/**
 * Wait for what talks to KMS.
 *
 * @throws Refusal `open_failed` when ciphertext, context and key do not belong together, `key_unavailable` for every other
 *   error of KMS, its SDK and the network; refusals as they are
 */
export async function asking<V>(work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    throw kmsRefusal(error);
  }
}

/** The region in the ARN of a key; `undefined` when it is no such ARN. */
export function regionOfKey(name: string): string | undefined {
  return /^arn:aws[\w-]*:kms:([a-z0-9-]+):\d{12}:key\/[\w-]{1,64}$/.exec(name)?.[1];
}
