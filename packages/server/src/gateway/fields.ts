import { refuse } from '../errors.ts';

// The header fields of a request that the gateway looks at, and no others. Read from the raw pairs, because the
// server library joins some repeated fields and drops others, and the upstream may then see another value than we do.

/** Lower-case names to values. */
export type Fields = ReadonlyMap<string, string>;

const single = [
  'content-type',
  'last-event-id',
  'mcp-method',
  'mcp-name',
  'mcp-protocol-version',
  'mcp-session-id',
];
const wanted = new Set(['accept', ...single]);
// Visible ASCII, blank, tab and obs-text (RFC 9110 §5.5): no CR, LF or NUL.
const value = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * @param raw names and values in turn, as `IncomingMessage.rawHeaders`
 * @throws Refusal `header_mismatch` for a field that comes twice though it has one value, and for control characters
 */
export function readFields(raw: readonly string[]): Fields {
  const fields = new Map<string, string>();
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at]?.toLowerCase() ?? '';
    if (!wanted.has(name) && !name.startsWith('mcp-param-')) continue;
    const text = raw[at + 1] ?? '';
    if (!value.test(text))
      throw refuse('header_mismatch', `the ${name} header has a character that is not allowed`);
    const before = fields.get(name);
    if (before !== undefined && name !== 'accept')
      throw refuse('header_mismatch', `the ${name} header comes twice`);
    fields.set(name, before === undefined ? text : `${before}, ${text}`);
  }
  return fields;
}
