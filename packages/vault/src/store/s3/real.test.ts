import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  ListObjectsV2Command,
  PutPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from 'vitest';
import { archiveContract } from '../archive-contract.ts';
import { inParts, readBlob, type OpenArchive } from '../contract/archive-case.ts';
import { s3Archive } from './archive.ts';
import { openS3, publicAccess } from './bucket.ts';

// On a real server, named as http://access-key:secret@host:port: see test/backing/ceph.ts.
const given = process.env['SEALGATE_TEST_S3'];

describe.skipIf(given === undefined)('archive in a real S3', async () => {
  if (given === undefined) return;
  const { origin, username, password } = new URL(given);
  const address = {
    bucket: `t${randomBytes(6).toString('hex')}`,
    region: 'us-east-1',
    endpoint: origin,
    credentials: { accessKeyId: username, secretAccessKey: password },
  };
  const client = openS3(address);
  const Bucket = address.bucket;
  await client.send(new CreateBucketCommand({ Bucket }));
  afterAll(() => client.destroy());
  const open: OpenArchive = async () => {
    const archive = s3Archive({ ...address, prefix: 'gate/' });
    return {
      archive,
      async close() {
        await archive.close();
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
        const Objects = Contents.map(({ Key }) => ({ Key }));
        if (Objects.length > 0) await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
      },
    };
  };
  it.each(archiveContract)('$name', ({ run }) => run(open));

  it('objects are encrypted under the key that is named, and no blob is made under one that is not there', async () => {
    const archive = s3Archive({ ...address, kmsKeyId: 'testkey-1' });
    const large = randomBytes(9_000_000);
    await archive.put('small', Buffer.from('x'));
    await archive.put('large', inParts(large, 1_000_000));
    expect((await readBlob(archive, 'small'))?.toString()).toBe('x');
    expect((await readBlob(archive, 'large'))?.equals(large)).toBe(true);
    await archive.close();
    const other = s3Archive({ ...address, kmsKeyId: 'no-such-key' });
    await expect(other.put('n', Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await other.get('n')).toBeUndefined();
    await other.close();
  });

  it('a wrong secret and a bucket that is not there are refused in our words', async () => {
    const credentials = { ...address.credentials, secretAccessKey: 'wrong' };
    const stranger = s3Archive({ ...address, credentials });
    await expect(stranger.get('small')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: 'the blob store does not accept the AWS credentials',
    });
    await stranger.close();
    const nowhere = s3Archive({ ...address, bucket: 'no-such-bucket' });
    await expect(nowhere.get('small')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: 'the bucket of the blob store does not exist',
    });
    await nowhere.close();
  });

  it('says whether public access is blocked', async () => {
    expect(await publicAccess(address)).not.toEqual({ blocked: true });
    const all = {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    };
    await client.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: all }));
    expect(await publicAccess(address)).toEqual({ blocked: true });
  });
});
