import { ProtocolError } from '@modelcontextprotocol/client';
import { legacyRevisions } from '../../domain/eras.ts';

/**
 * The revision to answer an `initialize` with: the one that was asked for, or the newest of this era for one that is unknown.
 *
 * @param lowest the lowest revision that is served
 * @throws ProtocolError -32602 for a revision below it (MCP 2025-11-25, lifecycle, error handling)
 */
export function negotiate(asked: unknown, lowest: string): string {
  const served = legacyRevisions.filter((revision) => revision >= lowest);
  const newest = served.at(-1);
  if (newest === undefined || (isRevision(asked) && asked < lowest))
    throw new ProtocolError(-32602, 'Unsupported protocol version', {
      supported: served,
      requested: String(asked).slice(0, 32),
    });
  return isRevision(asked) && served.includes(asked) ? asked : newest;
}

function isRevision(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value);
}
