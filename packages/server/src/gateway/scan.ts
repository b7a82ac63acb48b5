import { isUtf8 } from 'node:buffer';
import { refuse } from '../errors.ts';

// Two parsers must not read two calls out of one body: the bytes go to the upstream as they came, so whatever another
// parser may read differently is refused here. A repeated key is found without comparing keys: in valid JSON each
// member has one colon outside strings, and parsing drops all but the last of equal keys (compared after unescaping),
// so fewer members than colons means that some object repeats a key, however it is spelled and wherever it lies.

const quote = 0x22;
const backslash = 0x5c;

/** How deep objects and arrays may nest. */
export const depthMax = 64;

/**
 * Read a request body: UTF-8 without a byte order mark, JSON, no repeated key in any object, nested at most {@link depthMax} deep.
 *
 * @returns the parsed object
 * @throws Refusal `body_invalid`, `body_too_deep`, `duplicate_key`, `batch_unsupported` (an array; JSON-RPC batches existed
 *   in MCP 2025-03-26 alone), `message_invalid` (JSON, but not an object)
 */
export function scanBody(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  if (!isUtf8(bytes)) throw refuse('body_invalid', 'the body is not UTF-8');
  const colons = countColons(bytes);
  const value = parse(bytes);
  if (Array.isArray(value))
    throw refuse('batch_unsupported', 'JSON-RPC batches are not supported: send one message a request');
  if (typeof value !== 'object' || value === null)
    throw refuse('message_invalid', 'the body is not a JSON-RPC message');
  if (countMembers(value) !== colons)
    throw refuse('duplicate_key', 'an object in the body has the same key twice');
  return value as Record<string, unknown>;
}

/**
 * Refuse keys that differ from a protocol name only in case: some JSON readers match names without regard to it
 * (Go's `encoding/json`, with Unicode folding) and would see another call than the one decided on.
 *
 * @throws Refusal `duplicate_key`
 */
export function refuseCaseVariants(object: object, names: readonly string[]): void {
  for (const key of Object.keys(object)) {
    if (names.includes(key)) continue;
    // Upper-casing first also folds U+017F (long s) and U+212A (Kelvin sign) onto ASCII letters.
    const folded = key.toUpperCase().toLowerCase();
    const name = names.find((each) => each.toLowerCase() === folded);
    if (name !== undefined)
      throw refuse('duplicate_key', `the body has a key that some servers read as ${JSON.stringify(name)}`);
  }
}

function parse(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  try {
    return JSON.parse(text);
  } catch {
    throw refuse('body_invalid', 'the body is not JSON');
  }
}

function countColons(bytes: Uint8Array): number {
  let colons = 0;
  let depth = 0;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case quote:
        at = endOfString(bytes, at + 1);
        break;
      case 0x3a:
        colons++;
        break;
      case 0x7b:
      case 0x5b:
        if (++depth > depthMax)
          throw refuse('body_too_deep', `the body nests deeper than ${depthMax} levels`);
        break;
      case 0x7d:
      case 0x5d:
        depth--;
        break;
      default:
    }
  }
  return colons;
}

/** Where the closing quote is, given the place after the opening one; the end of the bytes when there is none. */
function endOfString(bytes: Uint8Array, from: number): number {
  let at = from;
  while (at < bytes.length) {
    // Short strings are faster byte by byte, long ones by the native search.
    const near = Math.min(at + 48, bytes.length);
    while (at < near) {
      const byte = bytes[at];
      if (byte === quote) return at;
      at += byte === backslash ? 2 : 1;
    }
    const found = bytes.indexOf(quote, at);
    if (found < 0) return bytes.length;
    let escapes = found;
    while (escapes > at && bytes[escapes - 1] === backslash) escapes--;
    if ((found - escapes) % 2 === 0) return found;
    at = found + 1;
  }
  return at;
}

function countMembers(value: object): number {
  let members = 0;
  if (Array.isArray(value)) {
    for (const child of value as readonly unknown[])
      if (typeof child === 'object' && child !== null) members += countMembers(child);
    return members;
  }
  // Without Object.keys or Object.values: the lists they make cost more than the rest of the scan.
  for (const key in value) {
    members++;
    const child = (value as Record<string, unknown>)[key];
    if (typeof child === 'object' && child !== null) members += countMembers(child);
  }
  return members;
}
