import type { Answer } from './loan.ts';

// An upstream may repeat the credential it was sent. Every byte of every occurrence, also where occurrences overlap, is
// overwritten with an asterisk, which keeps lengths (so Content-Length stays true) and JSON valid. A stream is passed
// on as it comes: only a tail that could be the beginning of the secret waits for the next chunk.
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
  return blot(bytes, needles, { covered: 0, cut: bytes.length }).clean;
}

function scrubHeaders(headers: Answer['headers'], needles: readonly Buffer[]): Answer['headers'] {
  const sought = needles.flatMap(inHeaders);
  let scrubbed: Record<string, string> | undefined;
  for (const needle of sought) {
    const form = needle.toString('latin1');
    for (const name in headers) {
      const value = headers[name];
      if (value === undefined || !value.includes(form) || scrubbed?.[name] !== undefined) continue;
      const clean = Buffer.from(scrubBytes(Buffer.from(value, 'latin1'), sought)).toString('latin1');
      (scrubbed ??= {})[name] = clean;
    }
  }
  return scrubbed === undefined ? headers : { ...headers, ...scrubbed };
}

// A character of a header is one byte. What is not ASCII is written as UTF-8, or, in the way of HTTP/1.1, as Latin-1.
function inHeaders(needle: Buffer): readonly Buffer[] {
  const text = needle.toString('utf8');
  return text.length === needle.length ? [needle] : [needle, Buffer.from(text, 'latin1')];
}

async function* scrubStream(
  body: AsyncIterable<Uint8Array>,
  needles: readonly Buffer[],
): AsyncGenerator<Uint8Array> {
  // What waits is kept as it came: an occurrence may begin in it. `covered` bytes of it belong to an earlier one.
  let held: Uint8Array = Buffer.alloc(0);
  let covered = 0;
  for await (const chunk of body) {
    const seen = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const cut = seen.length - tailToHold(seen, needles);
    const found = blot(seen, needles, { covered, cut });
    covered = found.covered;
    held = seen.subarray(cut);
    if (cut > 0) yield found.clean.subarray(0, cut);
  }
  if (held.length > 0) yield blot(held, needles, { covered, cut: held.length }).clean;
}

/**
 * Overwrite every needle, and the first `covered` bytes.
 *
 * @returns `covered`: bytes behind `cut` that belong to an occurrence which begins before it
 */
function blot(
  bytes: Uint8Array,
  needles: readonly Buffer[],
  { covered, cut }: { readonly covered: number; readonly cut: number },
): { readonly clean: Uint8Array; readonly covered: number } {
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let clean: Buffer | undefined;
  let behind = Math.max(0, covered - cut);
  if (covered > 0) clean = Buffer.from(source).fill(asterisk, 0, covered);
  for (const needle of needles) {
    let done = 0;
    // One byte on, not one needle: `abab` occurs twice in `ababab`.
    for (let at = source.indexOf(needle); at !== -1; at = source.indexOf(needle, at + 1)) {
      const end = at + needle.length;
      clean ??= Buffer.from(source);
      clean.fill(asterisk, Math.max(at, done), end);
      done = end;
      if (at < cut) behind = Math.max(behind, end - cut);
    }
  }
  return { clean: clean ?? bytes, covered: behind };
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
