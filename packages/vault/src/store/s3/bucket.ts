import { GetPublicAccessBlockCommand, S3Client } from '@aws-sdk/client-s3';
import { awsOptions, type AwsConnection } from '../aws-client.ts';
import { asking, statusOf } from './s3-error.ts';

/** Where blobs lie, and who asks. */
export interface BucketAddress extends AwsConnection {
  readonly bucket: string;
}

const attemptsMax = 4;
/** Between two signs of life, not for the whole blob. */
const silenceMs = 10_000;
const limits = { connectMs: 2000, answerMs: silenceMs, silenceMs, sockets: { maxSockets: 128 } };

/** Open a client that gives up on a peer that says nothing for ten seconds, after four attempts. Another address is asked with the bucket in the path. */
export function openS3({ bucket: _, ...connection }: BucketAddress): S3Client {
  return new S3Client({
    ...awsOptions(connection, limits),
    maxAttempts: attemptsMax,
    retryMode: 'standard',
    ...(connection.endpoint === undefined ? {} : { forcePathStyle: true }),
  });
}

/** Whether strangers are kept from a bucket. */
export type PublicAccess =
  | { readonly blocked: true }
  /** `missing` names the settings that are not on. */
  | { readonly blocked: false; readonly missing: readonly string[] }
  /** Who asks may not know, or the server does not know the question. */
  | { readonly blocked: undefined };

const settings = [
  'BlockPublicAcls',
  'BlockPublicPolicy',
  'IgnorePublicAcls',
  'RestrictPublicBuckets',
] as const;

/**
 * Ask a bucket for its block of public access (S3, GetPublicAccessBlock). A block of the whole account does not show here.
 *
 * @throws Refusal `store_unavailable`
 */
export async function publicAccess(address: BucketAddress): Promise<PublicAccess> {
  const client = openS3(address);
  try {
    const command = new GetPublicAccessBlockCommand({ Bucket: address.bucket });
    const answer = await client.send(command).catch(withoutBlock);
    if (answer === undefined) return { blocked: undefined };
    const found = answer.PublicAccessBlockConfiguration ?? {};
    const missing = settings.filter((setting) => found[setting] !== true);
    return missing.length === 0 ? { blocked: true } : { blocked: false, missing };
  } catch (error) {
    return await asking(() => Promise.reject(error));
  } finally {
    client.destroy();
  }
}

function withoutBlock(error: unknown): { readonly PublicAccessBlockConfiguration?: undefined } | undefined {
  if (error instanceof Error && error.name === 'NoSuchPublicAccessBlockConfiguration') return {};
  const status = statusOf(error);
  if (status === 403 || status === 405 || status === 501) return undefined;
  throw error;
}
