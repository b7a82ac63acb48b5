import { isModern, legacyRevisions } from '../domain/eras.ts';
import { refuse } from '../errors.ts';
import type { Call } from '../gateway/call.ts';
import type { Fields } from '../gateway/fields.ts';

/** What an older client says when it names no revision (MCP 2025-06-18, transports). */
const unsaid = '2025-03-26';

/**
 * Hold a call to the oldest revision that is spoken (`MCP_MIN_PROTOCOL_VERSION`). Nothing is looked at while all are spoken.
 *
 * @throws Refusal `version_unsupported`
 */
export function refuseOlder(
  call: Pick<Call, 'era' | 'method'>,
  { fields, body }: { readonly fields: Fields; readonly body: Uint8Array },
  floor: string,
): void {
  if (call.era === 'modern' || floor === legacyRevisions[0]) return;
  const asked =
    call.method === 'initialize' ? askedFor(body) : (fields.get('mcp-protocol-version') ?? unsaid);
  if (!isModern(floor) && asked >= floor) return;
  const supported = [...legacyRevisions, '2026-07-28'].filter((revision) => revision >= floor);
  throw refuse(
    'version_unsupported',
    `protocol revision ${JSON.stringify(asked.slice(0, 32))} is not spoken here (supported: ${supported.join(', ')})`,
  );
}

function askedFor(body: Uint8Array): string {
  const { params } = JSON.parse(Buffer.from(body).toString('utf8')) as {
    readonly params?: { readonly protocolVersion?: unknown };
  };
  return typeof params?.protocolVersion === 'string' ? params.protocolVersion : unsaid;
}
