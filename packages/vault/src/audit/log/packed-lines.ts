import { deflateRawSync, inflateRawSync } from 'node:zlib';

// Lines in parts of 32, each deflated by itself (RFC 1951), so that whoever wants one line does not inflate all:
//
//   bytes of the dictionary (4) · dictionary · for each part: bytes of it (4) · the part
//
// A short part would say again what all of them say, so a line of the first part is the dictionary of all.

const partLines = 32;
const lengthBytes = 4;
/** Room for a part as it mostly is; a longer one is put together. */
const chunkSize = 32_768;

/** Lines that are made ready as far as they are asked for. */
export interface Lines {
  readonly count: number;
  /** @param n from 0, below `count` */
  at(n: number): string;
  all(): readonly string[];
}

/** Lines that are at hand. */
export function plainLines(lines: readonly string[]): Lines {
  return { count: lines.length, at: (n) => lines[n]!, all: () => lines };
}

/** The bytes of lines; none may hold a line feed. */
export function packLines(lines: readonly string[]): Buffer {
  const parts = partsOf(lines);
  const longest = parts[0]!.reduce((most, line) => (line.length > most.length ? line : most), '');
  const dictionary = Buffer.from(longest);
  const packed = [withLength(dictionary)];
  for (const part of parts)
    packed.push(withLength(deflateRawSync(part.join('\n'), { level: 1, ...given(dictionary) })));
  return Buffer.concat(packed);
}

/**
 * Lines out of their bytes, which must stay as they are.
 *
 * @throws Error when so many lines cannot lie there; `at` and `all` throw when those of a part do not
 */
export function unpackLines(bytes: Buffer, count: number): Lines {
  const [dictionary, ...packed] = piecesIn(bytes);
  const counts = Math.ceil(count / partLines);
  if (dictionary === undefined || packed.length !== counts) throw damaged();
  const options = { chunkSize, ...given(dictionary) };
  const parts: (readonly string[] | undefined)[] = [];
  const part = (index: number): readonly string[] => {
    const known = parts[index];
    if (known !== undefined) return known;
    const lines = inflateRawSync(packed[index]!, options).toString('utf8').split('\n');
    if (lines.length !== Math.min(partLines, count - index * partLines)) throw damaged();
    parts[index] = lines;
    return lines;
  };
  return {
    count,
    at: (n) => part(Math.floor(n / partLines))[n % partLines]!,
    all: () => packed.flatMap((_, index) => part(index)),
  };
}

function partsOf(lines: readonly string[]): readonly (readonly string[])[] {
  const parts: (readonly string[])[] = [];
  for (let at = 0; at < lines.length; at += partLines) parts.push(lines.slice(at, at + partLines));
  return parts;
}

/** An empty dictionary is none. */
function given(dictionary: Buffer): { readonly dictionary?: Buffer } {
  return dictionary.length === 0 ? {} : { dictionary };
}

function withLength(bytes: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function piecesIn(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length;) {
    const from = at + lengthBytes;
    if (from > bytes.length) throw damaged();
    at = from + bytes.readUInt32BE(at);
    if (at > bytes.length) throw damaged();
    pieces.push(bytes.subarray(from, at));
  }
  return pieces;
}

function damaged(): Error {
  return new Error('packed lines of the audit log are damaged');
}
