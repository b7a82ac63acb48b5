import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  PutObjectCommand,
  UploadPartCommand,
  type HeadObjectCommandOutput,
  type S3Client,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { statusOf } from './s3-error.ts';

// A blob of unknown length goes up in parts that are held in memory one at a time: each has its length and checksum, can
// be sent again, and works with servers that take no unsigned streams. Nothing appears before the last step.

/** S3 wants 5 MiB in each part but the last; 10,000 parts of this make 78 GiB. */
const partBytes = 8 * 1024 * 1024;

/** Where a blob goes, and under which headers. */
export type Target = Pick<
  PutObjectCommandInput,
  | 'Bucket'
  | 'Key'
  | 'Metadata'
  | 'ServerSideEncryption'
  | 'SSEKMSKeyId'
  | 'BucketKeyEnabled'
  | 'ObjectLockMode'
  | 'ObjectLockRetainUntilDate'
  | 'ChecksumAlgorithm'
>;

/** A condition on the step in which the blob appears. */
export interface Condition {
  readonly IfNoneMatch?: '*';
}

/** Send the body. @returns `false` when the condition was seen not to hold; S3 may also say so with status 412 */
export async function upload(
  client: S3Client,
  target: Target,
  body: AsyncIterable<Uint8Array>,
  condition: Condition,
): Promise<boolean> {
  const parts = partsOf(body);
  const first = await parts.next();
  const bytes = first.done === true ? Buffer.alloc(0) : first.value;
  if (bytes.length === partBytes) return uploadParts(client, target, chained(bytes, parts), condition);
  await client.send(new PutObjectCommand({ ...target, ...condition, Body: bytes }));
  return true;
}

async function uploadParts(
  client: S3Client,
  target: Target,
  parts: AsyncIterable<Buffer>,
  condition: Condition,
): Promise<boolean> {
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(target));
  const whole = { Bucket: target.Bucket, Key: target.Key, UploadId };
  try {
    const sent: { PartNumber: number; ETag: string | undefined }[] = [];
    for await (const Body of parts) {
      const PartNumber = sent.length + 1;
      const { ETag } = await client.send(new UploadPartCommand({ ...whole, PartNumber, Body }));
      sent.push({ PartNumber, ETag });
    }
    // Servers from before 2024 take no notice of a condition in the last step.
    if (condition.IfNoneMatch !== undefined && (await headOf(client, target)) !== undefined) {
      await client.send(new AbortMultipartUploadCommand(whole));
      return false;
    }
    const MultipartUpload = { Parts: sent };
    await client.send(new CompleteMultipartUploadCommand({ ...whole, ...condition, MultipartUpload }));
    return true;
  } catch (error) {
    // Parts that nobody completes are paid for until a lifecycle rule removes them.
    await client.send(new AbortMultipartUploadCommand(whole)).catch(() => undefined);
    throw error;
  }
}

/** What S3 says of an object; `undefined` when there is none. */
export async function headOf(
  client: S3Client,
  { Bucket, Key }: Target,
): Promise<HeadObjectCommandOutput | undefined> {
  try {
    return await client.send(new HeadObjectCommand({ Bucket, Key }));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

async function* chained(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield first;
  yield* rest;
}

async function* partsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.subarray(at, at + partBytes - bytes);
      held.push(taken);
      bytes += taken.length;
      at += taken.length;
      if (bytes < partBytes) continue;
      yield Buffer.concat(held);
      held = [];
      bytes = 0;
    }
  }
  if (bytes > 0) yield Buffer.concat(held);
}
