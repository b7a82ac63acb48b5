import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { refuse } from '../../refusal.ts';
import { onDisk } from '../atomic-file.ts';

// Files of an export: one line a row, 0600, never reached through a link, and on the disk before a checkpoint counts them.

/** An item of 390 KiB, every character of it escaped, stays below it. */
export const lineBytesMax = 4 * 1024 * 1024;
const chunkBytes = 256 * 1024;
const lineEnd = 0x0a;

/** Appends lines. */
export interface LineFile {
  /** Its length in bytes with everything that was written. */
  bytes(): number;
  write(lines: readonly string[]): Promise<void>;
  /** Resolves when all of it is on the disk. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What a file is, down to the bit. */
export interface FileDigest {
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
}

/** The one refusal of what is not a whole export. */
export function exportInvalid(message: string, detail?: string): Error {
  return refuse('export_invalid', message, detail);
}

/** Go on writing a file behind its first `keptBytes`; what follows them is cut off. @throws Refusal `store_unavailable` */
export function openLineFile(path: string, keptBytes: number): Promise<LineFile> {
  return onDisk(async () => {
    const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    try {
      await handle.truncate(keptBytes);
    } catch (error) {
      await handle.close();
      throw error;
    }
    let bytes = keptBytes;
    return {
      bytes: () => bytes,
      write: (lines) =>
        onDisk(async () => {
          const text = Buffer.from(lines.map((line) => `${line}\n`).join(''));
          for (let at = 0; at < text.length;) {
            const { bytesWritten } = await handle.write(text, at, text.length - at, bytes + at);
            at += bytesWritten;
          }
          bytes += text.length;
        }),
      sync: () => onDisk(() => handle.sync()),
      close: () => onDisk(() => handle.close()),
    };
  });
}

/**
 * The lines of a file.
 *
 * @throws Refusal `export_invalid` when it is missing, a link or no plain file, has a line that is too long or not UTF-8, or
 *   ends within one; `store_unavailable`
 */
export async function* readLines(path: string): AsyncGenerator<string> {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let left: Buffer = Buffer.alloc(0);
  for await (const chunk of chunksOf(path)) {
    let from = 0;
    for (let end = chunk.indexOf(lineEnd); end !== -1; end = chunk.indexOf(lineEnd, from)) {
      yield decoded(text, Buffer.concat([left, chunk.subarray(from, end)]), path);
      left = Buffer.alloc(0);
      from = end + 1;
    }
    left = Buffer.concat([left, chunk.subarray(from)]);
    if (left.length > lineBytesMax) throw exportInvalid('a line of the export is too long', path);
  }
  if (left.length > 0) throw exportInvalid('a file of the export is cut off', path);
}

/** Its length and SHA-256. @throws Refusal as {@link readLines} */
export async function digestOf(path: string): Promise<FileDigest> {
  const sum = createHash('sha256');
  let bytes = 0;
  for await (const chunk of chunksOf(path)) {
    sum.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: sum.digest('hex') };
}

async function* chunksOf(path: string): AsyncGenerator<Buffer> {
  const handle = await openPlain(path);
  try {
    for (;;) {
      const buffer = Buffer.allocUnsafe(chunkBytes);
      const { bytesRead } = await onDisk(() => handle.read(buffer, 0, chunkBytes, null));
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

async function openPlain(path: string): Promise<FileHandle> {
  let handle: FileHandle;
  try {
    // O_NONBLOCK: a pipe in its place must not hang the import.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw exportInvalid('a file of the export is missing or cannot be opened', `${path}: ${String(error)}`);
  }
  const { mode } = await handle.stat();
  if ((mode & constants.S_IFMT) === constants.S_IFREG) return handle;
  await handle.close();
  throw exportInvalid('a file of the export is no plain file', path);
}

function decoded(text: TextDecoder, line: Buffer, path: string): string {
  if (line.length > lineBytesMax) throw exportInvalid('a line of the export is too long', path);
  try {
    return text.decode(line);
  } catch {
    throw exportInvalid('a line of the export is not text', path);
  }
}
