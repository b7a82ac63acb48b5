import { refuse } from '../errors.ts';
import type { Fields } from './fields.ts';
import type { Message } from './message.ts';
import type { Method } from './methods.ts';

// The header half of a message of 2026-07-28 (SEP-2243): MCP-Protocol-Version and Mcp-Method are demanded of every
// request, Mcp-Name of those that name something, and each must equal the body. Mcp-Param-* mirror arguments by the
// tool's own schema, which the upstream holds: they pass as they came. What was not compared does not go on.

const sentinel = /^=\?base64\?(.*)\?=$/s;
const canonical = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * @param about where the method's name lies, and the name, if the body has one
 * @throws Refusal `header_mismatch`
 */
export function modernMirror(
  fields: Fields,
  message: Message,
  about: { readonly nameIn: Method['nameIn']; readonly name: string | undefined },
): Record<string, string> {
  const version = fields.get('mcp-protocol-version');
  const method = fields.get('mcp-method');
  const mirror: Record<string, string> = {};
  if (version !== undefined) mirror['mcp-protocol-version'] = version;
  if (method !== undefined) mirror['mcp-method'] = method;
  if (message.kind !== 'request') return mirror;
  if (version === undefined) throw refuse('header_mismatch', 'the MCP-Protocol-Version header is missing');
  if (method === undefined) throw refuse('header_mismatch', 'the Mcp-Method header is missing');
  const name = checkedName(fields.get('mcp-name'), about);
  if (name !== undefined) mirror['mcp-name'] = name;
  for (const [field, value] of fields) if (field.startsWith('mcp-param-')) mirror[field] = value;
  return mirror;
}

function checkedName(
  header: string | undefined,
  { nameIn, name }: { readonly nameIn: Method['nameIn']; readonly name: string | undefined },
): string | undefined {
  if (nameIn === undefined) return undefined;
  if (header === undefined) {
    if (name === undefined) return undefined;
    throw refuse('header_mismatch', `the body has params.${nameIn}, but the Mcp-Name header is missing`);
  }
  const decoded = decodeMirrored(header);
  if (decoded === undefined) throw refuse('header_mismatch', 'the Mcp-Name header is not valid base64');
  // Without a name in the body there is nothing to compare with: the upstream turns the call down, and sees no name.
  if (name === undefined) return undefined;
  if (decoded !== name) throw refuse('header_mismatch', `the Mcp-Name header and params.${nameIn} differ`);
  return header;
}

/** A header value as text, out of its base64 form (`=?base64?…?=`) when it has that; `undefined` when that is broken. */
function decodeMirrored(value: string): string | undefined {
  const encoded = sentinel.exec(value)?.[1];
  if (encoded === undefined) return value;
  if (!canonical.test(encoded)) return undefined;
  try {
    return utf8.decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
}
