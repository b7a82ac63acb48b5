// Gives a message another `params.name` by replacing the bytes of that one text. Nothing is parsed and written anew, so
// numbers that JavaScript cannot hold, escapes and blanks stay as the client wrote them.

const quote = 0x22;
const backslash = 0x5c;
const openers = [0x7b, 0x5b];
const closers = [0x7d, 0x5d];

/**
 * @param body a JSON object that `scanBody` has accepted: valid, no key twice
 * @returns `undefined` when it has no text at `params.name`
 */
export function spliceName(body: Uint8Array, name: string): Uint8Array | undefined {
  const params = memberOf(body, 0, 'params');
  const at = params === undefined ? undefined : memberOf(body, params, 'name');
  if (at === undefined || body[at] !== quote) return undefined;
  const end = endOfText(body, at);
  return Buffer.concat([body.subarray(0, at), Buffer.from(JSON.stringify(name)), body.subarray(end)]);
}

/** Where the value of a member begins in the object that begins at or after `from`. */
function memberOf(bytes: Uint8Array, from: number, key: string): number | undefined {
  let at = from;
  while (isBlank(bytes[at])) at++;
  if (bytes[at] !== 0x7b) return undefined;
  let depth = 0;
  while (at < bytes.length) {
    const byte = bytes[at] ?? 0;
    if (byte === quote) {
      const end = endOfText(bytes, at);
      let next = end;
      while (isBlank(bytes[next])) next++;
      const isKey = depth === 1 && bytes[next] === 0x3a;
      if (isKey && JSON.parse(Buffer.from(bytes.subarray(at, end)).toString()) === key)
        return firstOf(bytes, next + 1);
      at = end;
      continue;
    }
    if (openers.includes(byte)) depth++;
    else if (closers.includes(byte) && --depth === 0) return undefined;
    at++;
  }
  return undefined;
}

function firstOf(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isBlank(bytes[at])) at++;
  return at;
}

/** The place after the closing quote of the text whose opening quote is at `from`. */
function endOfText(bytes: Uint8Array, from: number): number {
  // The native search: a text may be megabytes long.
  let at = bytes.indexOf(quote, from + 1);
  while (at >= 0 && isEscaped(bytes, at, from)) at = bytes.indexOf(quote, at + 1);
  return at < 0 ? bytes.length : at + 1;
}

function isEscaped(bytes: Uint8Array, at: number, from: number): boolean {
  let escapes = at;
  while (escapes - 1 > from && bytes[escapes - 1] === backslash) escapes--;
  return (at - escapes) % 2 === 1;
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
