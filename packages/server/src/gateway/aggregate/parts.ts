import type { AuditContext, Sealer } from '@sealgate/vault';
import type { Upstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import type { Conversation, OpenTarget } from '../front/target.ts';
import type { Absences } from './absences.ts';
import type { Catalog } from './catalog.ts';
import type { Claims } from './claims.ts';
import type { Members } from './members.ts';
import type { Notices } from './notices.ts';
import type { OwnTools } from './own-tools.ts';
import type { Allow } from './permission.ts';

/** What the address for all stands on. */
export interface AggregateParts {
  /** Opens one upstream. */
  readonly single: (upstream: Upstream) => OpenTarget;
  readonly upstreams: {
    list(tenant: string): readonly Upstream[];
    /** Called after an upstream was added or removed. Returns how to stop listening. */
    onChange(listener: (tenant: string, name: string) => void): () => void;
  };
  readonly allow: Allow;
  readonly catalog: Catalog;
  readonly own: OwnTools;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly now: () => number;
  readonly log: Pick<Log, 'warn'>;
  /** Of the gateway. */
  readonly version: string;
  /** How long a list or an introduction waits for one upstream. */
  readonly listTimeoutMs: number;
}

/** One conversation with all upstreams. */
export interface Whole {
  readonly parts: AggregateParts;
  readonly conversation: Conversation;
  readonly members: Members;
  readonly notices: Notices;
  readonly claims: Claims;
  readonly absences: Absences;
  /** What lists may depend on beside the person: era and capabilities of the client. */
  readonly variant: string;
}

/** On whose behalf an upstream is asked, and until when. */
export interface Asking {
  readonly context: AuditContext;
  readonly signal: AbortSignal;
}
