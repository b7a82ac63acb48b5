import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { archiveContract } from '../archive-contract.ts';
import { inParts, readBlob, type OpenArchive } from '../contract/archive-case.ts';
import { s3Archive } from './archive.ts';
import { publicAccess } from './bucket.ts';
import { openS3Peer, type S3Peer } from './fixtures/s3-peer.ts';

describe('archive in S3', () => {
  let peer: S3Peer;
  const address = () => ({
    bucket: 'blobs',
    region: 'eu-central-1',
    endpoint: peer.endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  beforeAll(async () => {
    peer = await openS3Peer();
  });
  afterEach(() => {
    peer.locks = false;
    peer.objects.clear();
    peer.plan.length = 0;
  });
  afterAll(() => peer.close());

  const open: OpenArchive = async () => {
    const archive = s3Archive({ ...address(), prefix: 'gate/' });
    return { archive, close: archive.close };
  };
  it.each(archiveContract)('$name', ({ run }) => run(open));

  it('every object asks for encryption under the key that is named, whole ones and those in parts', async () => {
    const archive = s3Archive({ ...address(), kmsKeyId: 'arn:aws:kms:eu-central-1:1:key/k' });
    await archive.put('small', Buffer.from('x'));
    await archive.put('large', inParts(Buffer.alloc(9_000_000), 1_000_000));
    expect([...peer.objects.keys()]).toEqual(['small', 'large']);
    for (const { headers } of peer.objects.values())
      expect(headers).toMatchObject({
        'x-amz-server-side-encryption': 'aws:kms',
        'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:1:key/k',
        'x-amz-server-side-encryption-bucket-key-enabled': 'true',
      });
    await archive.close();
  });

  it('a lost answer is no foreign blob: what was claimed is ours', async () => {
    const archive = s3Archive(address());
    peer.plan.push('lose the answer');
    expect(await archive.put('claim', Buffer.from('ours'), { ifAbsent: true })).toBe(true);
    peer.plan.push('lose the answer');
    expect(await archive.put('claim', Buffer.from('theirs'), { ifAbsent: true })).toBe(false);
    expect((await readBlob(archive, 'claim'))?.toString()).toBe('ours');
    await archive.close();
  });

  it('resets and overload are borne, denial is refused in our words', async () => {
    const archive = s3Archive(address());
    peer.plan.push('reset', 'slow down');
    expect(await archive.put('n', Buffer.from('x'))).toBe(true);
    peer.plan.push('deny');
    await expect(archive.get('n')).rejects.toMatchObject({
      code: 'store_unavailable',
      message: 'the blob store denies access',
    });
    await archive.close();
    const nobody = s3Archive({ ...address(), endpoint: 'http://127.0.0.1:1' });
    await expect(nobody.put('n', Buffer.from('x'))).rejects.toMatchObject({ code: 'store_unavailable' });
    await nobody.close();
  });

  it('a body that fails leaves no parts behind that somebody pays for', async () => {
    const archive = s3Archive(address());
    const failing = async function* () {
      yield Buffer.alloc(20_000_000);
      throw new Error('the body failed');
    };
    await expect(archive.put('n', failing())).rejects.toThrow('the body failed');
    expect(peer.uploads.size).toBe(0);
    expect(peer.objects.size).toBe(0);
    await archive.close();
  });

  it('what is to be locked is locked in compliance mode, where the bucket has Object Lock, and written where it has not', async () => {
    const lockedUntilMs = Date.UTC(2033, 10, 22);
    const without = s3Archive(address());
    expect(await without.put('plain', Buffer.from('x'), { lockedUntilMs })).toBe(true);
    await without.remove('plain');
    peer.locks = true;
    const archive = s3Archive(address());
    peer.plan.push('reset');
    expect(await archive.put('locked', Buffer.from('ours'), { ifAbsent: true, lockedUntilMs })).toBe(true);
    expect(await archive.put('open', Buffer.from('x'))).toBe(true);
    expect(peer.objects.get('locked')?.headers).toMatchObject({
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': '2033-11-22T00:00:00Z',
    });
    expect(peer.objects.get('open')?.headers).not.toHaveProperty('x-amz-object-lock-mode');
    for (const each of [without, archive]) await each.close();
  });

  it('says whether public access is blocked', async () => {
    const on = {
      BlockPublicAcls: true,
      BlockPublicPolicy: true,
      IgnorePublicAcls: true,
      RestrictPublicBuckets: true,
    };
    peer.block = on;
    expect(await publicAccess(address())).toEqual({ blocked: true });
    peer.block = { ...on, IgnorePublicAcls: false };
    expect(await publicAccess(address())).toEqual({ blocked: false, missing: ['IgnorePublicAcls'] });
    peer.block = undefined;
    expect(await publicAccess(address())).toMatchObject({ blocked: false });
    peer.plan.push('deny');
    expect(await publicAccess(address())).toEqual({ blocked: undefined });
    await expect(publicAccess({ ...address(), endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
  });
});
