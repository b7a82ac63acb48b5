import { refuse } from '../../refusal.ts';
import type { Archive } from '../../store/archive.ts';

/**
 * A blob as a whole.
 *
 * @returns `undefined` when there is none
 * @throws Refusal `store_unavailable`, also for one of more than `bytesMax`
 */
export async function readBlob(
  archive: Pick<Archive, 'get'>,
  name: string,
  bytesMax: number,
): Promise<Buffer | undefined> {
  const blob = await archive.get(name);
  if (blob === undefined) return undefined;
  if (blob.bytes > bytesMax) {
    blob.body.destroy();
    throw refuse('store_unavailable', 'a blob of the archived audit log is longer than any can be', name);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.body) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** Manifests of the largest logs: a hundred million entries have 80 MB of them. */
export const manifestBytesMax = 268_435_456;
