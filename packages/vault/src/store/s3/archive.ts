import {
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import type { Readable } from 'node:stream';
import { checkedPage } from '../archive/blob-pages.ts';
import { checkedBlobName, type Archive } from '../archive.ts';
import { openS3, type BucketAddress } from './bucket.ts';
import { openLocks } from './locks.ts';
import { asking, marked, statusOf } from './s3-error.ts';
import { headOf, upload, type Condition, type Target } from './upload.ts';

// Blobs as objects. A condition is S3's own (conditional writes, `If-None-Match: *`), so of any number of writers on any
// number of machines one wins.

const conflictsMax = 5;
/** Metadata of an object that tells one write from another. */
const writeId = 'sealgate-write';

/** What {@link s3Archive} needs. */
export interface S3ArchiveOptions extends BucketAddress {
  /**
   * Id or ARN of the KMS key that S3 encrypts each object under (SSE-KMS, with a bucket key); `undefined`: what the bucket
   * does by itself, which is encryption under a key of S3.
   */
  readonly kmsKeyId?: string | undefined;
  /** Put before every name, for a bucket that others use too: `''`, or ending in a slash. */
  readonly prefix?: string | undefined;
}

/** Blobs in a bucket of S3. */
export function s3Archive(options: S3ArchiveOptions): Archive {
  const { bucket, kmsKeyId, prefix = '' } = options;
  const client = openS3(options);
  const encryption =
    kmsKeyId === undefined
      ? {}
      : { ServerSideEncryption: 'aws:kms' as const, SSEKMSKeyId: kmsKeyId, BucketKeyEnabled: true };
  const at = (name: string) => ({ Bucket: bucket, Key: prefix + checkedBlobName(name) });
  const locks = openLocks(client, bucket);
  return {
    async put(name, body, { ifAbsent = false, lockedUntilMs } = {}) {
      const object = { ...at(name), ...encryption, Metadata: { [writeId]: randomUUID() } };
      const target = { ...object, ...(await asking(() => locks(lockedUntilMs))) };
      // What a caller does with the bytes meanwhile must not be sent when an attempt is repeated.
      const bytes = body instanceof Uint8Array ? Buffer.from(body) : marked(body);
      return asking(() => write(client, target, bytes, ifAbsent));
    },
    async get(name) {
      const object = at(name);
      return asking(() => read(client, object));
    },
    async list(asked) {
      const { prefix: begin, behind, limit, cursorAfter } = checkedPage(asked);
      const found = await asking(() =>
        client.send(
          new ListObjectsV2Command({
            Bucket: bucket,
            Prefix: prefix + begin,
            MaxKeys: limit,
            ...(behind === '' ? {} : { StartAfter: prefix + behind }),
          }),
        ),
      );
      const blobs = (found.Contents ?? []).map(({ Key = '', Size = 0 }) => ({
        name: Key.slice(prefix.length),
        bytes: Size,
      }));
      const last = found.IsTruncated === true ? blobs.at(-1) : undefined;
      return { blobs, cursor: last === undefined ? undefined : cursorAfter(last.name) };
    },
    async remove(name) {
      const object = at(name);
      await asking(() => client.send(new DeleteObjectCommand(object)));
    },
    async close() {
      client.destroy();
    },
  };
}

async function write(
  client: S3Client,
  target: Target,
  body: Buffer | AsyncIterable<Uint8Array>,
  ifAbsent: boolean,
): Promise<boolean> {
  const condition: Condition = ifAbsent ? { IfNoneMatch: '*' } : {};
  for (let attempt = 1; ; attempt += 1) {
    try {
      if (!Buffer.isBuffer(body)) return await upload(client, target, body, condition);
      await client.send(new PutObjectCommand({ ...target, ...condition, Body: body }));
      return true;
    } catch (error) {
      const status = statusOf(error);
      if (ifAbsent && status === 412) return isOurs(client, target);
      // 409: another one's conditional write is under way (S3, "Conditional requests"); bytes can be sent again.
      if (!(ifAbsent && status === 409 && Buffer.isBuffer(body)) || attempt === conflictsMax) throw error;
    }
  }
}

// The SDK asks again when an answer is lost: what is there then may be what we wrote ourselves.
async function isOurs(client: S3Client, target: Target): Promise<boolean> {
  const found = await headOf(client, target);
  return found !== undefined && found.Metadata?.[writeId] === target.Metadata?.[writeId];
}

async function read(client: S3Client, object: { Bucket: string; Key: string }): ReturnType<Archive['get']> {
  try {
    const { Body, ContentLength = 0 } = await client.send(new GetObjectCommand(object));
    return { bytes: ContentLength, body: Body as Readable };
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return undefined;
    throw error;
  }
}
