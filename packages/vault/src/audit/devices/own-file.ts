import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { headerLine } from './batch-line.ts';

// The path comes from the configuration, and what lies there may still be somebody else's: a link that leads elsewhere, a
// program, a pipe that nobody reads. Only a plain file that is ours alone and begins as such files do is appended to.

/**
 * Open the file for appending, made when it is not there, 0600.
 *
 * @returns its descriptor
 * @throws Error when it is not ours, or the disk refuses
 */
export function openOwnFile(path: string): number {
  const { O_RDWR, O_APPEND, O_CREAT, O_NONBLOCK, O_NOFOLLOW } = constants;
  const file = openSync(path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOFOLLOW, 0o600);
  try {
    const { mode, nlink, uid, size } = fstatSync(file);
    if (!isPlain(mode)) throw new Error(`${path} is not a plain file`);
    if (nlink !== 1) throw new Error(`${path} has other names`);
    if (process.getuid !== undefined && uid !== process.getuid())
      throw new Error(`${path} belongs to another user`);
    if ((mode & 0o111) !== 0) throw new Error(`${path} is a program`);
    begin(file, path, size);
    // A file that may only be appended to (chattr +a) lets nobody change its mode, not even to the one it has.
    if ((mode & 0o777) !== 0o600) fchmodSync(file, 0o600);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

function isPlain(mode: number): boolean {
  return (mode & constants.S_IFMT) === constants.S_IFREG;
}

/** The header, finished where a crash cut it off. */
function begin(file: number, path: string, size: number): void {
  const header = Buffer.from(headerLine);
  const there = Buffer.alloc(Math.min(size, header.length));
  readSync(file, there, 0, there.length, 0);
  if (!there.equals(header.subarray(0, there.length)))
    throw new Error(`${path} is something else, and is left as it is`);
  if (there.length === header.length) return;
  writeSync(file, header, there.length);
  fsyncSync(file);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
