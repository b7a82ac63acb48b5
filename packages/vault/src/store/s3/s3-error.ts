import { Refusal, refuse } from '../../refusal.ts';

// What S3 and its SDK say, in our words. Their messages name buckets, keys and roles; they go to the log only.

const messages: Readonly<Record<string, string>> = {
  AccessDenied: 'the blob store denies access',
  CredentialsProviderError: 'there are no AWS credentials for the blob store',
  ExpiredToken: 'the AWS credentials for the blob store have expired',
  InvalidAccessKeyId: 'the blob store does not accept the AWS credentials',
  'KMS.DisabledException': 'the key of the blob store is disabled',
  'KMS.NotFoundException': 'the key of the blob store does not exist',
  NoSuchBucket: 'the bucket of the blob store does not exist',
  PermanentRedirect: 'the bucket of the blob store lies in another region: set STORAGE_REGION',
  SignatureDoesNotMatch: 'the blob store does not accept the AWS credentials',
  SlowDown: 'the blob store is overloaded',
};

/** Errors of whoever gave the body; they are thrown on as they are. */
const ofBodies = new WeakSet<Error>();

/** Read a body so that its own errors can be told from those of S3. */
export async function* marked(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    if (error instanceof Error) ofBodies.add(error);
    throw error;
  }
}

/**
 * Wait for what talks to S3.
 *
 * @throws Refusal `store_unavailable` for every error of S3, its SDK and the network; refusals and errors of bodies as they are
 */
export async function asking<V>(work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}

/** The refusal that an error stands for. */
function unavailable(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error) || ofBodies.has(error)) return error;
  const message = messages[error.name] ?? 'the blob store does not answer';
  return refuse('store_unavailable', message, `S3 ${error.name}: ${error.message}`, error);
}

/** The status that S3 answered with; `undefined` when it did not answer. */
export function statusOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  return (error.$metadata as { readonly httpStatusCode?: number }).httpStatusCode;
}
