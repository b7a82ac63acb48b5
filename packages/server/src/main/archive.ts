import { join } from 'node:path';
import { fileArchive, Refusal, type Archive } from '@sealgate/vault';
import type { StorageChoice } from '../config.ts';
import type { Log } from '../log.ts';
import { loadAdapter } from './adapter.ts';

/** What decides about blobs. */
export interface ArchiveChoice {
  readonly storage: StorageChoice;
  readonly dataDirectory: string;
  readonly environment: 'production' | 'development' | 'test';
}

/**
 * Open the blobs. The adapter of S3 is loaded only when it is chosen. A bucket that strangers may reach is refused in
 * production; one that does not say is warned of.
 *
 * @throws Refusal `data_directory_unsafe`, `store_insecure`, `store_unavailable`, `config_invalid` when the package of S3 is
 *   not installed
 */
export async function openArchive(choice: ArchiveChoice, log: Log): Promise<Archive> {
  const { storage, dataDirectory, environment } = choice;
  if (storage.type === 'filesystem') return fileArchive(join(dataDirectory, 'blobs'));
  const { publicAccess, s3Archive } = await adapter();
  const access = await publicAccess(storage);
  if (access.blocked !== true) {
    const said =
      access.blocked === undefined
        ? 'the bucket of the blobs does not say whether public access is blocked'
        : `public access to the bucket of the blobs is not blocked: turn on ${access.missing.join(', ')}`;
    if (access.blocked === false && environment === 'production')
      throw new Refusal('store_insecure', said, storage.bucket);
    log.warn({ bucket: storage.bucket }, said);
  }
  return s3Archive(storage);
}

function adapter() {
  const needs = { setting: 'STORAGE_TYPE=s3', package: '@aws-sdk/client-s3' };
  return loadAdapter(() => import('@sealgate/vault/s3'), needs);
}
