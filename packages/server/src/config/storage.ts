// Where blobs lie, and what of that contradicts itself.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';

/** Where blobs lie. */
export type StorageChoice =
  | { readonly type: 'filesystem' }
  | {
      readonly type: 's3';
      readonly bucket: string;
      readonly region: string | undefined;
      /** `undefined`: that of the region. */
      readonly endpoint: string | undefined;
      /** `undefined`: what the bucket does by itself. */
      readonly kmsKeyId: string | undefined;
    };

/** The storage that the values name. */
export function storageOf(values: Values): StorageChoice {
  if (values.STORAGE_TYPE === 'filesystem') return { type: 'filesystem' };
  return {
    type: 's3',
    bucket: values.STORAGE_BUCKET ?? '',
    region: values.STORAGE_REGION ?? values.AWS_REGION,
    endpoint: values.STORAGE_ENDPOINT,
    kmsKeyId: values.STORAGE_KMS_KEY_ID,
  };
}

/** What stands against the storage that the values name, each with what to do. */
export function storageProblems(values: Values): string[] {
  const storage = storageOf(values);
  if (storage.type === 'filesystem') return [];
  const problems: string[] = [];
  if (storage.bucket === '') problems.push('STORAGE_TYPE=s3 needs STORAGE_BUCKET');
  if (storage.region === undefined) problems.push('STORAGE_TYPE=s3 needs STORAGE_REGION or AWS_REGION');
  const endpoint = storage.endpoint === undefined ? undefined : new URL(storage.endpoint);
  if (endpoint?.protocol === 'http:' && !isLoopback(endpoint.hostname))
    problems.push('STORAGE_ENDPOINT must be https unless it is on this machine: blobs would travel in clear');
  return problems;
}
