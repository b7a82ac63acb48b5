import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { checkedPage } from '../archive/blob-pages.ts';
import { checkedBlobName, type Archive } from '../archive.ts';

/** Blobs in memory, gone with the process. */
export function memoryArchive(): Archive {
  const blobs = new Map<string, Buffer>();
  return {
    async put(name, body, { ifAbsent = false } = {}) {
      checkedBlobName(name);
      const bytes = body instanceof Uint8Array ? Buffer.from(body) : await buffer(body);
      if (ifAbsent && blobs.has(name)) return false;
      blobs.set(name, bytes);
      return true;
    },
    async get(name) {
      const bytes = blobs.get(checkedBlobName(name));
      return (
        bytes && { bytes: bytes.length, body: Readable.from([Buffer.from(bytes)], { objectMode: false }) }
      );
    },
    async list(asked) {
      const { prefix, behind, limit, cursorAfter } = checkedPage(asked);
      // Names are ASCII: JavaScript's order is that of their bytes.
      const names = [...blobs.keys()].filter((name) => name.startsWith(prefix) && name > behind).sort();
      const last = names.length > limit ? names[limit - 1] : undefined;
      return {
        blobs: names.slice(0, limit).map((name) => ({ name, bytes: blobs.get(name)?.length ?? 0 })),
        cursor: last === undefined ? undefined : cursorAfter(last),
      };
    },
    async remove(name) {
      blobs.delete(checkedBlobName(name));
    },
    async close() {
      blobs.clear();
    },
  };
}
