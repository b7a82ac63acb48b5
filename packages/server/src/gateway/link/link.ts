import type { AuditContext } from '@sealgate/vault';
import type { Asked, Notice, Position, Values } from '../front/target.ts';

// A link is the upstream's half: one live MCP conversation with one upstream, in the upstream's own era, over HTTP or
// with a child process. It knows nothing of clients; who may use it is the slot's and single.ts's business.

/** How one request is sent. */
export interface Sending {
  /** Whose request it is, for the journal: over HTTP each request is lent a credential of its own. */
  readonly context: AuditContext;
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Called with progress, without a token. `undefined`: none was asked for. */
  readonly onProgress: ((progress: Values) => void) | undefined;
  /**
   * Takes log messages that came on the request's own stream and so are nobody else's. `undefined`: they go to the link's
   * `onNotice`.
   */
  readonly onLog?: ((notice: Notice) => void) | undefined;
}

/** One live conversation with an upstream. */
export interface Link {
  readonly era: 'legacy' | 'modern';
  /** What the upstream says of itself: an initialize result without the protocol version. */
  readonly introduction: Values;
  /** Whether the requests themselves pass the gate and are noted there; else whoever sends one notes it. */
  readonly audited: boolean;
  /** Process id of a child; `undefined` over HTTP, and once it has ended. */
  readonly pid: number | undefined;
  /** @throws what `explain` of relay.ts turns into an answer */
  request(method: string, params: Values | undefined, sending: Sending): Promise<unknown>;
  /** A notification to the upstream. */
  notify(method: string, params: Values | undefined, context: AuditContext): Promise<void>;
  /** Watch a resource in the way of the upstream's era. Returns how to stop. */
  watch(uri: string, sending: Pick<Sending, 'context' | 'timeoutMs'>): Promise<() => Promise<void>>;
  /** What another instance needs to go on with this conversation; `undefined` when nobody can. */
  resumption(): Values | undefined;
  /** Listen no more to what belongs to no request and can be heard by another instance; requests go on. */
  rest(): void;
  /** Let go of it without ending what `resumption` names. */
  leave(): Promise<void>;
  /** End it: a child with everything below it, a session with a DELETE. Resolves when it is gone. */
  close(): Promise<void>;
}

/** What a link tells whoever opened it. */
export interface LinkEvents {
  /** A notification that belongs to no request. @param at where the stream stood; `undefined`: nobody can go on from there */
  onNotice(notice: Notice, at?: Position): void;
  /** A request of the upstream. @throws ProtocolError to refuse it, -32601 when nobody can answer */
  onAsk(asked: Asked): Promise<Values>;
  /** The link is dead: the process ended, the session is lost for good. Called once at most. */
  onEnd(): void;
}
