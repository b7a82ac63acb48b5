import { GetPublicAccessBlockCommand, S3Client } from '@aws-sdk/client-s3';
import { asking, statusOf } from './s3-error.ts';

/** Where blobs lie, and who asks. */
export interface BucketAddress {
  readonly bucket: string;
  /** AWS region; `undefined`: what the environment of the AWS SDK says. */
  readonly region?: string | undefined;
  /** Another address of S3, asked with the bucket in the path; `undefined`: that of the region. */
  readonly endpoint?: string | undefined;
  /** `undefined`: the AWS SDK's own search (environment, container role, instance role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

const attemptsMax = 4;
const connectMsMax = 2000;
/** Between two signs of life, not for the whole blob. */
const silenceMsMax = 10_000;

/** Open a client that gives up on a peer that says nothing for ten seconds, after four attempts. */
export function openS3({ region, endpoint, credentials }: BucketAddress): S3Client {
  return new S3Client({
    maxAttempts: attemptsMax,
    retryMode: 'standard',
    requestHandler: {
      connectionTimeout: connectMsMax,
      requestTimeout: silenceMsMax,
      throwOnRequestTimeout: true,
      socketTimeout: silenceMsMax,
      httpAgent: { maxSockets: 128, keepAlive: true },
      httpsAgent: { maxSockets: 128, keepAlive: true },
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
    ...(credentials === undefined ? {} : { credentials }),
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
