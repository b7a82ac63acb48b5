import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileArchive } from '../archive/file-archive.ts';
import type { Archive } from '../archive.ts';
import { everyPage } from '../every-page.ts';
import { exportInvalid } from './line-file.ts';

// Blobs by name. They are listed with their digests in `blobs.ndjson`, which the manifest signs; what arrives is what is
// listed, or it is refused.

const pageBlobs = 500;

/** How many were copied. */
export interface CopiedBlobs {
  readonly blobs: number;
  readonly bytes: number;
}

/** Copy every blob into the folder `blobs` of an export, and list them. @throws Refusal `store_unavailable` */
export async function takeBlobs(archive: Archive, directory: string): Promise<CopiedBlobs> {
  const folder = fileArchive(join(directory, 'blobs'));
  const lines: string[] = [];
  let bytes = 0;
  const listed = everyPage((from) => archive.list({ prefix: '', limit: pageBlobs, ...from }));
  for await (const page of listed)
    for (const { name } of page.blobs) {
      const copied = await copyBlob(archive, folder, name);
      if (copied === undefined) continue;
      lines.push(`${JSON.stringify({ name, ...copied })}\n`);
      bytes += copied.bytes;
    }
  await folder.close();
  await writeFile(join(directory, 'blobs.ndjson'), lines.join(''), { mode: 0o600, flush: true });
  return { blobs: lines.length, bytes };
}

/** Copy every listed blob out of an export. @throws Refusal `export_invalid` when one is missing or changed; `store_unavailable` */
export async function bringBlobs(directory: string, archive: Archive): Promise<CopiedBlobs> {
  const folder = fileArchive(join(directory, 'blobs'));
  let blobs = 0;
  let bytes = 0;
  for await (const line of createInterface({ input: createReadStream(join(directory, 'blobs.ndjson')) })) {
    const listed = JSON.parse(line) as {
      readonly name: string;
      readonly bytes: number;
      readonly sha256: string;
    };
    const copied = await copyBlob(folder, archive, listed.name);
    if (copied?.sha256 !== listed.sha256) {
      if (copied !== undefined) await archive.remove(listed.name);
      throw exportInvalid('a blob of the export is missing or was changed', listed.name);
    }
    blobs += 1;
    bytes += copied.bytes;
  }
  await folder.close();
  return { blobs, bytes };
}

async function copyBlob(
  from: Archive,
  to: Archive,
  name: string,
): Promise<{ readonly bytes: number; readonly sha256: string } | undefined> {
  const blob = await from.get(name);
  if (blob === undefined) return undefined;
  const sum = createHash('sha256');
  let bytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of blob.body as AsyncIterable<Uint8Array>) {
      sum.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  await to.put(name, counted());
  return { bytes, sha256: sum.digest('hex') };
}
