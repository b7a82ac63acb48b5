import type { Act } from '../audit/acts.ts';
import type { AuditContext, AuditFields, AuditOutcome } from '../audit/entry.ts';
import type { Receipt } from '../receipt.ts';
import type { ConnectionListener } from './connection-changes.ts';
import type { Answer, Outgoing } from './loan.ts';
import type { Placement } from './placement.ts';

/** What a connection says of itself: everything but the secret. */
export interface Connection {
  readonly connectionId: string;
  readonly tenant: string;
  /** `''`: the whole group's. */
  readonly subject: string;
  readonly upstream: string;
  readonly name: string;
  readonly placement: Placement;
  /** The only origin it is sent to; `''` for a child process. */
  readonly origin: string;
  /** Raised by every new secret. */
  readonly epoch: number;
  readonly createdAtMs: number;
}

/** Who wants to reach which upstream, and what for. */
export interface Use {
  readonly context: AuditContext;
  readonly subject: string;
  readonly upstream: string;
  /** What is done, for the journal: a dotted verb such as `tool.call`. */
  readonly act: Act;
  /** Whether the upstream's description demands a credential; without one the call is refused before anything is sent. */
  readonly required: boolean;
  readonly request: NonNullable<AuditFields['request']>;
}

/** Sends one request with the credential in it, once; the answer comes back scrubbed of the secret. */
export type Lent = (outgoing: Outgoing) => Promise<Answer>;

/** The only way from a call to an upstream. */
export interface Gate {
  /**
   * Is it theirs, attempt durable, open, lend, outcome. The work says what came of it; its outcome is queued and never delays the reply.
   *
   * @throws Refusal `audit_unavailable`, `credential_missing`, `credential_misdirected` (another origin), `loan_spent` (a second
   *   request), `key_unavailable`, `open_failed`; whatever the work throws
   */
  use(use: Use, work: (lent: Lent) => Promise<AuditOutcome>): Promise<void>;
  /**
   * Lend to a child process: its environment, and a name for the child that changes when the credential does. The exception
   * that architecture knows: whoever removes or replaces the credential ends the child (`onChange`).
   */
  lendToChild(use: Omit<Use, 'act'>): Promise<{
    readonly environment: Readonly<Record<string, string>>;
    readonly connection: Connection | undefined;
  }>;
  /**
   * Which credential a request of this person would be lent now; `undefined`: none. As it was up to five seconds ago where
   * another process has changed it unheard. Nothing is opened, and nothing is logged.
   */
  lends(asked: {
    readonly tenant: string;
    readonly subject: string;
    readonly upstream: string;
  }): Promise<Pick<Connection, 'connectionId' | 'epoch'> | undefined>;
  /**
   * Called after a connection was set or removed, here or, where instances tell each other, elsewhere; with `undefined`
   * when that may have happened to any, unheard. Returns how to stop listening.
   */
  onChange(listener: ConnectionListener): () => void;
}

/** Keeps connections. Each mutation takes the receipt of its own entry (`connection.set`, `connection.remove`). */
export interface Connections {
  /** `upstream#subject#name`, with `*` for the whole group. */
  idOf(upstream: string, subject: string, name: string): string;
  set(
    receipt: Receipt,
    connection: Omit<Connection, 'connectionId' | 'epoch' | 'createdAtMs'>,
    secret: Uint8Array,
  ): Promise<Connection>;
  remove(receipt: Receipt, tenant: string, connectionId: string): Promise<boolean>;
  list(tenant: string): Promise<readonly Connection[]>;
}
