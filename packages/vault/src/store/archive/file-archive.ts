import { randomBytes } from 'node:crypto';
import { constants, realpathSync, type Stats } from 'node:fs';
import { link, mkdir, open, readdir, realpath, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { refuse } from '../../refusal.ts';
import { checkedBlobName, type Archive, type BlobEntry } from '../archive.ts';
import { isAbsent, onDisk, removeWhole, syncDirectory } from '../atomic-file.ts';
import { makeDirectory } from '../sqlite/data-directory.ts';
import { checkedPage, type BlobPage } from './blob-pages.ts';

// Blobs in a directory: a folder for each part of a name, and a file with `~` behind the last part, which no name can hold,
// so that `a` and `a/b` stand beside each other. A blob is written beside, synced, and gets its name in one step. The rules
// of names keep every path inside, and a link that somebody planted on the way is refused.

const ending = '~';
const draftsFolder = '~drafts';
// Of a pipe that somebody put there nobody waits for the other end.
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const chunkBytes = 256 * 1024;

/**
 * Blobs as files that only their owner can read. Several processes may use one directory.
 *
 * @param directory made with mode 0700 when it is not there
 * @throws Refusal `data_directory_unsafe` when the directory is somebody else's, or others may read or write it;
 *   `store_unavailable` when it cannot be made
 */
export function fileArchive(directory: string): Archive {
  makeDirectory(directory);
  makeDirectory(join(directory, draftsFolder));
  const root = realpathSync(directory);
  const pathOf = (name: string): string => join(root, ...checkedBlobName(name).split('/')) + ending;
  return {
    async put(name, body, { ifAbsent = false } = {}) {
      const path = pathOf(name);
      const draft = join(root, draftsFolder, randomBytes(12).toString('hex'));
      try {
        await writeDraft(draft, body);
        return await onDisk(() => place(root, draft, path, ifAbsent));
      } finally {
        await rm(draft, { force: true });
      }
    },
    get: (name) => onDisk(() => read(pathOf(name))),
    async list(asked) {
      const page = checkedPage(asked);
      const blobs = await onDisk(() => listed(root, page));
      const last = blobs.length > page.limit ? blobs[page.limit - 1] : undefined;
      return {
        blobs: blobs.slice(0, page.limit),
        cursor: last === undefined ? undefined : page.cursorAfter(last.name),
      };
    },
    async remove(name) {
      const path = pathOf(name);
      await onDisk(async () => {
        if (await isStraight(path)) await removeWhole(path);
      });
    },
    close: async () => undefined,
  };
}

async function writeDraft(draft: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const handle = await onDisk(() => open(draft, 'wx', 0o600));
  try {
    if (body instanceof Uint8Array) await onDisk(() => handle.writeFile(body));
    // The body's own errors go to whoever gave it; only the disk's are ours.
    else for await (const chunk of body) await onDisk(() => handle.writeFile(chunk));
    await onDisk(() => handle.sync());
  } finally {
    await handle.close();
  }
}

async function place(directory: string, draft: string, path: string, ifAbsent: boolean): Promise<boolean> {
  const folder = dirname(path);
  const made = await mkdir(folder, { recursive: true, mode: 0o700 });
  await isStraight(path);
  if (ifAbsent) {
    // A link fails when the name is taken, where a rename would replace.
    const placed = await link(draft, path).then(
      () => true,
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
        throw error;
      },
    );
    if (!placed) return false;
  } else await rename(draft, path);
  await syncDirectory(folder);
  // Folders that were made are entries of those above them.
  if (made !== undefined)
    for (let above = dirname(folder); above.length >= directory.length; above = dirname(above))
      await syncDirectory(above);
  return true;
}

/** Whether the folder of a path is there. @throws Refusal `store_unavailable` when it is reached through a link */
async function isStraight(path: string): Promise<boolean> {
  const folder = dirname(path);
  const real = await realpath(folder).catch((error: unknown) => {
    if (isAbsent(error)) return undefined;
    throw error;
  });
  if (real === undefined || real === folder) return real !== undefined;
  throw refuse(
    'store_unavailable',
    'a link stands where a folder of blobs should be',
    `${folder} leads to ${real}`,
  );
}

async function read(path: string): ReturnType<Archive['get']> {
  if (!(await isStraight(path))) return undefined;
  const found = await statsOf(path);
  return found && { bytes: found.size, body: Readable.from(chunks(path, found), { objectMode: false }) };
}

// Opened when it is read: a blob that is asked for and not read must not hold a file open.
async function* chunks(path: string, { ino, mtimeMs }: Stats): AsyncGenerator<Buffer> {
  const handle = await onDisk(() => open(path, flags));
  try {
    const seen = await handle.stat();
    if (seen.ino !== ino || seen.mtimeMs !== mtimeMs)
      throw refuse('store_unavailable', 'the blob was replaced before it was read', path);
    for (;;) {
      const { buffer, bytesRead } = await onDisk(() => handle.read(Buffer.allocUnsafeSlow(chunkBytes)));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** The file as it is; `undefined` when there is none. */
async function statsOf(path: string): Promise<Stats | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, flags);
    const seen = await handle.stat();
    if (seen.isFile()) return seen;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
  throw refuse('store_unavailable', 'what stands for a blob is no file', path);
}

/** One more than the limit, if there is. */
async function listed(directory: string, page: BlobPage): Promise<readonly BlobEntry[]> {
  const blobs: BlobEntry[] = [];
  const wanted = ({ prefix, behind }: BlobPage, name: string): boolean =>
    name.startsWith(prefix) && name > behind;
  const walk = async (folder: string): Promise<void> => {
    for (const { key, isFolder } of await entriesOf(join(directory, folder), folder)) {
      if (blobs.length > page.limit) return;
      if (isFolder) {
        const mayHold = key.startsWith(page.prefix) || page.prefix.startsWith(key);
        // Every name inside begins with it: all are behind us when the place is, and does not lie inside.
        const isBehind = key <= page.behind && !page.behind.startsWith(key);
        if (mayHold && !isBehind) await walk(key);
      } else if (wanted(page, key)) {
        const bytes = await sizeOf(join(directory, key) + ending);
        if (bytes !== undefined) blobs.push({ name: key, bytes });
      }
    }
  };
  await walk('');
  return blobs;
}

/** Entries in the order of the names below: a folder stands where its slash puts it. */
async function entriesOf(
  path: string,
  folder: string,
): Promise<readonly { key: string; isFolder: boolean }[]> {
  const found = await readdir(path, { withFileTypes: true }).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  const entries = found.flatMap((entry) => {
    const isBlob = entry.isFile() && entry.name.endsWith(ending);
    if (isBlob) return [{ key: folder + entry.name.slice(0, -ending.length), isFolder: false }];
    if (entry.isDirectory() && entry.name !== draftsFolder)
      return [{ key: `${folder}${entry.name}/`, isFolder: true }];
    return [];
  });
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await statsOf(path))?.size;
}
