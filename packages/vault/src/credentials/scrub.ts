import type { Answer } from './loan.ts';

// An upstream may repeat the credential it was sent. Every occurrence is overwritten with as many asterisks, which
// keeps lengths (so Content-Length stays true) and JSON valid. A stream is passed on as it comes: only a tail that
// could be the beginning of the secret waits for the next chunk.
const asterisk = 0x2a;

/** The answer with every needle overwritten, in header values and body. */
export function scrubAnswer(answer: Answer, needles: readonly Buffer[]): Answer {
  if (needles.length === 0) return answer;
  const { body } = answer;
  return {
    status: answer.status,
    headers: scrubHeaders(answer.headers, needles),
    body: body instanceof Uint8Array ? scrubBytes(body, needles) : scrubStream(body, needles),
  };
}

/** The bytes with every needle overwritten; the very same bytes when there is none. */
export function scrubBytes(bytes: Uint8Array, needles: readonly Buffer[]): Uint8Array {
  let source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let copied = false;
  for (const needle of needles) {
    for (let at = source.indexOf(needle); at !== -1; at = source.indexOf(needle, at + needle.length)) {
      if (!copied) source = Buffer.from(source);
      copied = true;
      source.fill(asterisk, at, at + needle.length);
    }
  }
  return copied ? source : bytes;
}

function scrubHeaders(headers: Answer['headers'], needles: readonly Buffer[]): Answer['headers'] {
  let scrubbed: Record<string, string> | undefined;
  for (const needle of needles) {
    const form = needle.toString('utf8');
    for (const name in headers) {
      const value = (scrubbed ?? headers)[name];
      if (value === undefined || !value.includes(form)) continue;
      scrubbed ??= { ...headers };
      scrubbed[name] = value.replaceAll(form, '*'.repeat(form.length));
    }
  }
  return scrubbed ?? headers;
}

async function* scrubStream(
  body: AsyncIterable<Uint8Array>,
  needles: readonly Buffer[],
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array = Buffer.alloc(0);
  for await (const chunk of body) {
    const seen = scrubBytes(held.length === 0 ? chunk : Buffer.concat([held, chunk]), needles);
    const keep = tailToHold(seen, needles);
    held = seen.subarray(seen.length - keep);
    if (seen.length > keep) yield seen.subarray(0, seen.length - keep);
  }
  if (held.length > 0) yield held;
}

/** Length of the longest end of `seen` that begins a needle. */
function tailToHold(seen: Uint8Array, needles: readonly Buffer[]): number {
  const source = Buffer.from(seen.buffer, seen.byteOffset, seen.byteLength);
  let longest = 0;
  for (const needle of needles) {
    const from = Math.max(0, source.length - needle.length + 1);
    for (let at = source.indexOf(needle[0]!, from); at !== -1; at = source.indexOf(needle[0]!, at + 1)) {
      const length = source.length - at;
      if (length <= longest) break;
      if (source.compare(needle, 0, length, at) === 0) longest = length;
    }
  }
  return longest;
}
