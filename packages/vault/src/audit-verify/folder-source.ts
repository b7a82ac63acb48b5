import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { refuse } from '../refusal.ts';
import { isLogPath, type LogSource } from './source.ts';

/**
 * A log in a folder. Links are not followed, so that a folder from a stranger leads nowhere else, and what is no plain file is
 * not opened for reading.
 *
 * @param directory may itself be reached by a link: it is the reader's own choice
 */
export function folderSource(directory: string): LogSource {
  const plain = new Set(['.']);
  /** Whether a folder is there, each step of it being one. */
  function isFolder(path: string): boolean {
    if (plain.has(path)) return true;
    if (!isFolder(dirname(path))) return false;
    const found = lstatSync(join(directory, path), { throwIfNoEntry: false });
    if (found === undefined) return false;
    if (!found.isDirectory()) throw refuse('log_unreadable', 'a folder of the log is a link or a file', path);
    plain.add(path);
    return true;
  }
  return {
    async read(path, bytesMax) {
      if (!isLogPath(path)) throw refuse('log_unreadable', 'this is no path of a log', path);
      try {
        return isFolder(dirname(path)) ? readPlain(directory, path, bytesMax) : undefined;
      } catch (error) {
        throw unreadable(path, error);
      }
    },
  };
}

function readPlain(directory: string, path: string, bytesMax: number): Uint8Array | undefined {
  const file = openPlain(join(directory, path));
  if (file === undefined) return undefined;
  try {
    const found = fstatSync(file);
    if (!found.isFile()) throw refuse('log_unreadable', 'a part of the log is no plain file', path);
    if (found.size > bytesMax) throw refuse('log_unreadable', 'a file of the log is too large', path);
    const bytes = Buffer.allocUnsafe(found.size);
    let length = 0;
    for (let more = -1; more !== 0 && length < bytes.length; length += more)
      more = readSync(file, bytes, length, bytes.length - length, length);
    return bytes.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

/** Without waiting, which opening a pipe would. */
function openPlain(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

function unreadable(path: string, error: unknown): Error {
  if (error instanceof Error && error.name === 'Refusal') return error;
  return refuse('log_unreadable', 'a file of the log cannot be read', path, error);
}
