import { closeSync, fdatasyncSync, fstatSync, readSync, writeSync } from 'node:fs';
import type { Batch } from '../batch.ts';
import { batchOfLine, headerLine, lineOf } from './batch-line.ts';
import { openOwnFile } from './own-file.ts';

// Batches, a line each, in a file that is only ever appended to. A line that was cut off by a crash or a full disk stays: the
// next one begins behind a line break, and readers pass over what is no batch. A batch whose end on the disk was in doubt may
// stand there twice. Numbers never go down, so a batch is found by halving.

/** A file of batches that is open. For a thread of its own: nothing here lets others go on meanwhile. */
export interface LineFile {
  /** On the disk when it returns. @throws Error the disk's */
  append(batch: Batch): void;
  /** `undefined` while it is empty. */
  last(): Batch | undefined;
  /** Batches from `n` on, each once, at most `max` and about 4 MiB, one at least. */
  from(n: number, max: number): readonly Batch[];
  close(): void;
}

const pieceBytes = 64 * 1024;
/** No batch comes near it. */
const lineBytesMax = 4 * 1024 * 1024;
const lineBreak = 0x0a;

/** Open it. @throws Error as {@link openOwnFile} */
export function openLineFile(path: string): LineFile {
  const file = openOwnFile(path);
  let torn = !endsWhole(file);
  return {
    append(batch) {
      const bytes = Buffer.from(`${torn ? '\n' : ''}${lineOf(batch)}`);
      torn = true;
      for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      torn = false;
      fdatasyncSync(file);
    },
    last() {
      for (let end = sizeOf(file); end > headerLine.length;) {
        const start = lineStart(file, end - 1);
        const batch = batchOfLine(textOf(file, start, end));
        if (batch !== undefined) return batch;
        end = start;
      }
      return undefined;
    },
    from(n, max) {
      const found: Batch[] = [];
      let bytes = 0;
      for (const { batch, start, end } of batchesFrom(file, startBefore(file, n))) {
        if (batch.n < n || batch.n === found.at(-1)?.n) continue;
        found.push(batch);
        bytes += end - start;
        if (found.length >= max || bytes > lineBytesMax) break;
      }
      return found;
    },
    close: () => closeSync(file),
  };
}

interface Found {
  readonly batch: Batch;
  readonly start: number;
  readonly end: number;
}

/** Where to begin reading, so that batch `n` is met soon. */
function startBefore(file: number, n: number): number {
  let low = headerLine.length;
  let high = sizeOf(file);
  while (high - low > pieceBytes) {
    const middle = Math.floor((low + high) / 2);
    const met = batchesFrom(file, lineEnd(file, middle)).next().value;
    if (met === undefined || met.batch.n >= n) high = middle;
    else low = met.start;
  }
  return low;
}

/** Whole batches, from a place where a line begins. */
function* batchesFrom(file: number, from: number): Generator<Found, undefined> {
  const size = sizeOf(file);
  for (let start = from; start < size;) {
    const end = lineEnd(file, start);
    const batch = batchOfLine(textOf(file, start, end));
    if (batch !== undefined) yield { batch, start, end };
    start = end;
  }
  return undefined;
}

/** Where the line begins that has the byte before `before`. */
function lineStart(file: number, before: number): number {
  for (let end = before; end > 0;) {
    if (before - end > lineBytesMax) throw new Error('a line of the file has no beginning');
    const start = Math.max(0, end - pieceBytes);
    const at = bytesOf(file, start, end).lastIndexOf(lineBreak);
    if (at !== -1) return start + at + 1;
    end = start;
  }
  return 0;
}

/** Where the line ends, its break included, that has the byte at `from`. */
function lineEnd(file: number, from: number): number {
  const size = sizeOf(file);
  for (let start = from; start < size; start += pieceBytes) {
    if (start - from > lineBytesMax) throw new Error('a line of the file has no end');
    const at = bytesOf(file, start, Math.min(size, start + pieceBytes)).indexOf(lineBreak);
    if (at !== -1) return start + at + 1;
  }
  return size;
}

function endsWhole(file: number): boolean {
  const size = sizeOf(file);
  return bytesOf(file, size - 1, size)[0] === lineBreak;
}

function sizeOf(file: number): number {
  return fstatSync(file).size;
}

function textOf(file: number, start: number, end: number): string {
  return bytesOf(file, start, end).toString('utf8').trimEnd();
}

function bytesOf(file: number, start: number, end: number): Buffer {
  const bytes = Buffer.alloc(end - start);
  let at = 0;
  while (at < bytes.length) {
    const more = readSync(file, bytes, at, bytes.length - at, start + at);
    if (more === 0) break;
    at += more;
  }
  return bytes.subarray(0, at);
}
