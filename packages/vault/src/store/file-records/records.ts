import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { draftEnding, isAbsent, onDisk, readWhole, removeWhole, writeWhole } from '../atomic-file.ts';
import { cursorInvalid, readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedEnd, checkedName, checkedOwner, checkedWrite } from '../record-rules.ts';
import type { Records, StoredRecord } from '../records.ts';
import { makeDirectory } from '../sqlite/data-directory.ts';
import { processLock, type ProcessLock } from './process-lock.ts';
import { fileOf, isRecordFile, readHeld, writeHeld, type Held } from './record-file.ts';

// Records in a directory, for development and small tools: readers see a file before or after a change, writers of all
// processes take turns. `list` and `scan` read every file.

const folders = 256;
const sweptByWrite = 4;

/** What {@link fileRecords} needs. */
export interface FileRecordsOptions {
  /** Made with mode 0700 when it is not there. */
  readonly directory: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/**
 * Records as files that only their owner can read. Several processes may use one directory.
 *
 * @throws Refusal `data_directory_unsafe` when the directory is somebody else's, or others may read or write it;
 *   `store_unavailable` when it cannot be used
 */
export function fileRecords({ directory, now, random = randomBytes }: FileRecordsOptions): Records {
  makeDirectory(directory);
  const lock = processLock(join(directory, 'lock.db'));
  const files = filesIn(directory, now);
  return {
    ...writesOf(files, lock, () => Buffer.from(random(15)).toString('base64url')),
    get: (name) => onDisk(async () => (await files.living(checkedName(name)))?.record),
    async list(owner, page) {
      checkedOwner(owner);
      return onDisk(() => files.page(['list', owner], page, ({ owners }) => owners.includes(owner)));
    },
    scan: (page) => onDisk(() => files.page(['scan'], page, () => true)),
    async close() {
      lock.close();
    },
  };
}

function writesOf(
  files: Files,
  lock: ProcessLock,
  revise: () => string,
): Pick<Records, 'put' | 'take' | 'extend' | 'bar'> {
  const alone = <V>(work: () => Promise<V>): Promise<V> => onDisk(() => lock.alone(work));
  return {
    async put(name, bytes, write) {
      const { guard, ...rest } = checkedWrite(name, bytes, write);
      const record = { ...rest, bytes: new Uint8Array(bytes), revision: revise() };
      return alone(async () => {
        await files.sweep();
        const held = await files.living(name);
        const there = held?.record?.revision;
        if (held !== undefined && held.record === undefined) return undefined;
        if (guard !== undefined && ('ifAbsent' in guard ? there !== undefined : guard.ifRevision !== there))
          return undefined;
        await files.write({ name, endsAtMs: record.endsAtMs, record });
        return record.revision;
      });
    },
    async take(name) {
      checkedName(name);
      return alone(async () => {
        const record = (await files.living(name))?.record;
        if (record !== undefined) await files.remove(name);
        return record;
      });
    },
    async extend(name, endsAtMs) {
      checkedName(name);
      checkedEnd(endsAtMs);
      return alone(async () => {
        const record = (await files.living(name))?.record;
        if (record !== undefined) await files.write({ name, endsAtMs, record });
        return record !== undefined;
      });
    },
    async bar(name, untilMs) {
      checkedName(name);
      checkedEnd(untilMs);
      await alone(async () => {
        const held = await files.living(name);
        const barredMs = held !== undefined && held.record === undefined ? held.endsAtMs : 0;
        await files.write({ name, endsAtMs: Math.max(untilMs, barredMs), record: undefined });
        await files.sweep();
      });
    },
  };
}

interface Files {
  /** What stands under the name and has not ended. */
  living(name: string): Promise<Held | undefined>;
  write(held: Held): Promise<void>;
  remove(name: string): Promise<void>;
  /** Look through a few folders, in turn, and remove what has ended. */
  sweep(): Promise<void>;
  page(
    question: readonly string[],
    page: Parameters<Records['scan']>[0],
    keep: (record: StoredRecord) => boolean,
  ): ReturnType<Records['scan']>;
}

function filesIn(directory: string, now: () => number): Files {
  const pathOf = (file: string): string => join(directory, file.slice(0, 2), file);
  const livingIn = async (file: string): Promise<Held | undefined> => {
    const content = await readWhole(pathOf(file));
    const held = content === undefined ? undefined : readHeld(file, content);
    return held !== undefined && held.endsAtMs > now() ? held : undefined;
  };
  let turn = 0;
  return {
    living: (name) => livingIn(fileOf(name).file),
    write: (held) => writeWhole(pathOf(fileOf(held.name).file), writeHeld(held)),
    remove: async (name) => void (await removeWhole(pathOf(fileOf(name).file))),
    async sweep() {
      for (let looked = 0; looked < sweptByWrite; looked += 1) {
        const folder = turn.toString(16).padStart(2, '0');
        turn = (turn + 1) % folders;
        for (const file of await namesIn(join(directory, folder)))
          // Only who holds the lock writes: a draft that is met here is nobody's any more.
          if (file.endsWith(draftEnding) || (isRecordFile(file) && (await livingIn(file)) === undefined))
            await removeWhole(join(directory, folder, file));
      }
    },
    async page(question, { limit, cursor }, keep) {
      checkedLimit(limit);
      const behind = cursor === undefined ? '' : placeIn(readCursor(question, cursor));
      const names: string[] = [];
      for (const file of await filesBehind(directory, behind)) {
        const held = await livingIn(file);
        if (held?.record === undefined || !keep(held.record)) continue;
        names.push(held.name);
        if (names.length === limit) return { names, cursor: writeCursor(question, [file]) };
      }
      return { names, cursor: undefined };
    },
  };
}

async function filesBehind(directory: string, behind: string): Promise<readonly string[]> {
  const there = (await namesIn(directory)).filter((name) => /^[0-9a-f]{2}$/.test(name));
  const files = await Promise.all(there.map((folder) => namesIn(join(directory, folder))));
  return files
    .flat()
    .filter((file) => isRecordFile(file) && file > behind)
    .sort();
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}

function placeIn([file]: readonly (string | number)[]): string {
  if (typeof file !== 'string') throw cursorInvalid('no file inside');
  return file;
}
