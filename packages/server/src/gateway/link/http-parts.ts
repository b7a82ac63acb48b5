import type { AuditContext } from '@sealgate/vault';
import type { HttpUpstream } from '../../domain/upstream.ts';
import type { Position, Values } from '../front/target.ts';
import type { WireParts } from './http-wire.ts';
import type { LinkLimits } from './limits.ts';
import type { LinkEvents } from './link.ts';
import type { Verdicts } from './verdict.ts';

/** What is needed to open a link to an HTTP upstream. */
export interface HttpLinkParts extends WireParts {
  /** Who opens it; what it sends of its own accord is sent in their name. */
  readonly context: AuditContext;
  readonly subject: string;
  readonly upstream: HttpUpstream;
  /** Client capabilities to declare. */
  readonly capabilities: Values;
  /** The era to speak when the upstream knows both. */
  readonly prefer: 'legacy' | 'modern';
  /** A session to go on with. `undefined`: a new one. */
  readonly resume: Values | undefined;
  /** How far its stream was heard. `undefined`: not known. */
  readonly place: Position | undefined;
  readonly limits: LinkLimits;
  readonly version: string;
  readonly events: LinkEvents;
  readonly verdicts: Verdicts;
}
