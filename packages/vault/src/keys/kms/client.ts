import { KMSClient } from '@aws-sdk/client-kms';
import { kmsRefusal } from './kms-error.ts';

/** Where AWS KMS is, and who asks. */
export interface KmsConnection {
  /** AWS region; `undefined`: that of the key's ARN, else what the environment of the AWS SDK says. */
  readonly region?: string | undefined;
  /** Another address of KMS; `undefined`: that of the region. */
  readonly endpoint?: string | undefined;
  /** `undefined`: the AWS SDK's own search (environment, container role, instance role). */
  readonly credentials?:
    | { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string }
    | undefined;
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
const connectMsMax = 1000;
const answerMsMax = 3000;
const patienceMsDefault = 6000;
const sockets = { maxSockets: 32, maxFreeSockets: 4, keepAlive: true };

/** Open a client whose requests end after three attempts, and never later than its patience. */
export function openClient({
  region,
  endpoint,
  credentials,
  patienceMs = patienceMsDefault,
}: KmsConnection): KmsClient {
  const client = new KMSClient({
    maxAttempts: attemptsMax,
    requestHandler: {
      connectionTimeout: connectMsMax,
      requestTimeout: answerMsMax,
      throwOnRequestTimeout: true,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
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
