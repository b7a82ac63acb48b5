import { caseOn } from './case-on.ts';
import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import type { Archive, BlobEntry } from '../archive.ts';

/** A fresh adapter, as a case of `archiveContract` needs it. */
export interface OpenedArchive {
  readonly archive: Archive;
  /** Close the adapter and remove what it stored. */
  close(): Promise<void>;
}

/** Opens an empty adapter. */
export type OpenArchive = () => Promise<OpenedArchive>;

/** One promise of `Archive`. `run` throws an assertion error when the adapter breaks it. */
export interface ArchiveCase {
  readonly name: string;
  run(open: OpenArchive): Promise<void>;
}

/** A case that opens an adapter, runs, and closes it whatever happens. */
export function onArchive(name: string, body: (archive: Archive) => Promise<void>): ArchiveCase {
  return caseOn(
    name,
    ({ archive }: OpenedArchive) => body(archive),
    ({ close }) => close(),
  );
}

/** The blob's bytes; `undefined` when there is none. Fails when its length is not what was said. */
export async function readBlob(archive: Archive, name: string): Promise<Buffer | undefined> {
  const blob = await archive.get(name);
  if (blob === undefined) return undefined;
  const bytes = await buffer(blob.body);
  assert.equal(bytes.length, blob.bytes);
  return bytes;
}

/** All blobs of a listing, page by page. Fails when the pages do not end. */
export async function allBlobs(
  archive: Archive,
  prefix: string,
  limit: number,
): Promise<readonly BlobEntry[]> {
  const blobs: BlobEntry[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 1000; page += 1) {
    const found = await archive.list(cursor === undefined ? { prefix, limit } : { prefix, limit, cursor });
    assert.ok(found.blobs.length <= limit);
    blobs.push(...found.blobs);
    cursor = found.cursor;
    if (cursor === undefined) return blobs;
  }
  assert.fail('the pages do not end');
}

/** Bytes as a stream of parts. */
export async function* inParts(bytes: Uint8Array, partBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += partBytes) {
    await new Promise(setImmediate);
    yield bytes.subarray(at, at + partBytes);
  }
}
