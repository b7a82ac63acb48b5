import type { Audit, Records, Sealer } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import type { McpAddress } from '../../domain/mcp-address.ts';
import type { Log } from '../../log.ts';
import type { Owners } from '../owner/owners.ts';
import type { SessionLimits } from './session-limits.ts';
import type { OpenTarget } from './target.ts';

/** What sessions need. */
export interface SessionsParts {
  readonly records: Records;
  readonly sealer: Sealer;
  /** The target of an address; its upstream is the caller's group's. @throws Refusal `upstream_unknown` */
  readonly openTarget: (caller: Caller, address: McpAddress) => OpenTarget;
  readonly audit: Audit;
  readonly owners: Pick<Owners, 'self' | 'pass' | 'mark'>;
  readonly limits: SessionLimits;
  /** Lowest protocol revision that is served. */
  readonly minVersion: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A fresh session id: unguessable, visible ASCII, at most 128 characters. */
  readonly sessionId: () => string;
  readonly log: Log;
}
