import { refuse } from '../refusal.ts';

// What the tag covers besides the ciphertext: the header, the wrapped key if there is one, then the number of context
// fields and each field in the order of its kind's schema, with its length before it. So no two contexts have the same
// bytes (never JSON: its numbers look like texts and its keys are sorted differently elsewhere). Ill-formed text is
// refused because every lone surrogate would become the same three bytes.
const fieldBytesMax = 0xffff;
const scratch = Buffer.allocUnsafeSlow(4096);

/** Everything that a tag covers besides the ciphertext. */
export interface Bound {
  /** The first 20 bytes of the record. */
  readonly header: Uint8Array;
  /** Up to 65,535 bytes; `undefined` when the record carries no key of its own. */
  readonly wrapped: Uint8Array | undefined;
  /** Names of the context fields, in the order of the schema. */
  readonly fields: readonly string[];
  /** A value for each; other names are not looked at. */
  readonly context: Readonly<Record<string, string>>;
}

/**
 * The bytes of what is bound.
 *
 * @returns a view that holds until the next call
 * @throws Refusal `context_invalid` for a field that is missing, not text, not well-formed or longer than 65,535 bytes
 */
export function additionalData(bound: Bound): Buffer {
  const { header, wrapped, fields } = bound;
  const values: string[] = [];
  let most = header.length + 1 + (wrapped === undefined ? 0 : 2 + wrapped.length);
  // All fields are read before the first is written: a getter that seals in turn would overwrite the scratch.
  for (const field of fields) {
    const value = textOf(bound.context, field);
    values.push(value);
    most += 2 + 3 * value.length;
  }
  const into = most <= scratch.length ? scratch : Buffer.allocUnsafeSlow(most);
  into.set(header);
  let at = header.length;
  if (wrapped !== undefined) {
    at = into.writeUInt16BE(wrapped.length, at);
    into.set(wrapped, at);
    at += wrapped.length;
  }
  at = into.writeUInt8(fields.length, at);
  for (let i = 0; i < values.length; i += 1) {
    const length = into.write(values[i]!, at + 2, 'utf8');
    if (length > fieldBytesMax) throw invalid(fields[i]!, `is longer than ${fieldBytesMax} bytes`);
    into.writeUInt16BE(length, at);
    at += 2 + length;
  }
  return into.subarray(0, at);
}

function textOf(context: Readonly<Record<string, unknown>>, field: string): string {
  const value = context[field];
  if (typeof value !== 'string') throw invalid(field, 'is not text');
  if (!value.isWellFormed()) throw invalid(field, 'is not well-formed text');
  return value;
}

function invalid(field: string, what: string) {
  return refuse('context_invalid', `the field "${field}" of a sealed record's context ${what}`);
}
