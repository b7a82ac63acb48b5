// What `@sealgate/vault/s3` is: blobs in a bucket. It needs `@aws-sdk/client-s3`.
export { s3Archive, type S3ArchiveOptions } from './archive.ts';
export { publicAccess, type BucketAddress, type PublicAccess } from './bucket.ts';
