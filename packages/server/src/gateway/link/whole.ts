import { refuse } from '../../errors.ts';

/** Longest JSON answer that is read as a whole. What an upstream streams as events is bounded event by event. */
export const jsonBytesMax = 64 * 1024 * 1024;

/**
 * A body as one piece.
 *
 * @throws Refusal `answer_too_large`; whatever reading the body throws
 */
export async function wholeOf(
  body: Uint8Array | AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array> {
  if (body instanceof Uint8Array) return body;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax)
      throw refuse('answer_too_large', 'the upstream answered with more than is read at once');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
