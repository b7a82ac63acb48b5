import type { CopiedBlobs, Manifest } from '@sealgate/vault';

/** What a copy came to, for the journal. */
export function countsOf({ tables }: Pick<Manifest, 'tables'>, blobs: CopiedBlobs | undefined): string {
  const rows = Object.values(tables).reduce((sum, { rows: count }) => sum + count, 0);
  const copied = blobs === undefined ? [] : [`${blobs.blobs} blobs`, `${blobs.bytes} bytes of blobs`];
  return [`${rows} rows`, ...copied].join();
}
