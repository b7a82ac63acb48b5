import { modernRevisions } from '../../domain/eras.ts';
import type { Values } from '../front/target.ts';
import { methodOf } from '../methods.ts';

// What every request of 2026-07-28 carries: its revision, the client's name and capabilities in `_meta`, and the same again
// in headers (SEP-2243).

const prefix = 'io.modelcontextprotocol/';
const revision = modernRevisions.at(-1)!;
/** What may stand in a header as it is; everything else goes as base64. */
const plain = /^(?! )[\x20-\x7e]*(?<! )$/;

/** Parameters with the envelope. */
export function enveloped(
  params: Values | undefined,
  capabilities: Values,
  version: string,
): Readonly<Record<string, unknown>> {
  const meta = {
    ...(params?.['_meta'] as Values | undefined),
    [`${prefix}protocolVersion`]: revision,
    [`${prefix}clientInfo`]: { name: 'sealgate', version },
    [`${prefix}clientCapabilities`]: capabilities,
  };
  return { ...params, _meta: meta };
}

/** The headers that mirror a request. */
export function mirrored(method: string, params: Values | undefined): Record<string, string> {
  const { nameIn } = methodOf(method);
  const name = nameIn === undefined ? undefined : params?.[nameIn];
  return {
    'mcp-protocol-version': revision,
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': headerValue(name) } : {}),
  };
}

/** A text as a header value: as it is, or as `=?base64?…?=` (SEP-2243). */
export function headerValue(text: string): string {
  if (plain.test(text) && !text.startsWith('=?base64?')) return text;
  return `=?base64?${Buffer.from(text, 'utf8').toString('base64')}?=`;
}
