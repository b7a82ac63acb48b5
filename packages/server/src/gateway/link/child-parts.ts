import type { StdioUpstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import type { Values } from '../front/target.ts';
import type { ChildEras, Era } from './child-era.ts';
import type { LinkEvents } from './link.ts';
import type { Scrub } from './scrub-message.ts';

/** What is needed to start one. */
export interface ChildParts {
  readonly upstream: StdioUpstream;
  /** The lent credential; joins the upstream's plain settings and wins over them. */
  readonly environment: Readonly<Record<string, string>>;
  /** The era to speak. */
  readonly era: Era;
  /** `undefined`: nothing. The newer era is then found out by a probe, which starts the command twice. */
  readonly known: ChildEras | undefined;
  /** Client capabilities to declare. `{}`: it may be shared, and nothing that it asks is answered. */
  readonly capabilities: Values;
  readonly version: string;
  readonly startTimeoutMs: number;
  readonly log: Log;
  /** Removes the lent credential from everything the child says. */
  readonly scrub: Scrub;
  readonly events: LinkEvents;
}
