import { GetObjectLockConfigurationCommand, type S3Client } from '@aws-sdk/client-s3';
import { statusOf } from './s3-error.ts';
import type { Target } from './upload.ts';

// Whether a bucket can lock objects (S3 Object Lock) is asked once, when something is first to be locked: a lock that is
// asked of a bucket without is refused by S3 together with the object.

/** What a locked object is written with; S3 takes no lock without a checksum. */
type Lock = Pick<Target, 'ObjectLockMode' | 'ObjectLockRetainUntilDate' | 'ChecksumAlgorithm'>;

/**
 * Locks of a bucket, in compliance mode: nobody can shorten or lift one, the account's owner not either.
 *
 * @returns gives nothing where the bucket has no Object Lock, does not know the question, or who asks may not know
 */
export function openLocks(client: S3Client, bucket: string): (untilMs: number | undefined) => Promise<Lock> {
  let asked: Promise<boolean> | undefined;
  const canLock = (): Promise<boolean> => {
    asked ??= hasObjectLock(client, bucket).catch((error: unknown) => {
      asked = undefined;
      throw error;
    });
    return asked;
  };
  return async (untilMs) => {
    if (untilMs === undefined || !(await canLock())) return {};
    return {
      ObjectLockMode: 'COMPLIANCE',
      ObjectLockRetainUntilDate: new Date(untilMs),
      ChecksumAlgorithm: 'SHA256',
    };
  };
}

async function hasObjectLock(client: S3Client, bucket: string): Promise<boolean> {
  try {
    const answer = await client.send(new GetObjectLockConfigurationCommand({ Bucket: bucket }));
    return answer.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled';
  } catch (error) {
    const status = statusOf(error);
    if (error instanceof Error && error.name === 'ObjectLockConfigurationNotFoundError') return false;
    if (status === 403 || status === 404 || status === 405 || status === 501) return false;
    throw error;
  }
}
