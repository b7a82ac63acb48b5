import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { refuse } from '../errors.ts';

const decoders = new Map([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/**
 * Read a body to its end. It is counted while it is decoded, so that a compression bomb is stopped at its first bytes too
 * many; whoever opened the connection bounds the encoded bytes.
 *
 * @param encoding the text of `Content-Encoding`; empty for none
 * @param bytesMax of the decoded body
 * @throws Refusal `answer_too_large`, `fetch_failed` for an encoding nobody asked for, or several
 */
export async function readBody(body: Readable, encoding: string, bytesMax: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const collect = async (source: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of source) {
      bytes += chunk.byteLength;
      if (bytes > bytesMax) throw tooLarge(bytesMax);
      chunks.push(chunk);
    }
  };
  const name = encoding.trim().toLowerCase();
  if (name === '' || name === 'identity') await pipeline(body, collect);
  else {
    const decoder = decoders.get(name);
    if (decoder === undefined)
      throw refuse('fetch_failed', 'the answer has an encoding that nobody asked for', name.slice(0, 64));
    await pipeline(body, decoder(), collect);
  }
  return Buffer.concat(chunks, bytes);
}

/** The refusal of a body over the limit. */
export function tooLarge(bytesMax: number): Error {
  return refuse('answer_too_large', `the answer is larger than ${bytesMax} bytes`);
}
