import type { AuditContext } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';

// Between the client's half and the upstream's. A front (sessions, or single requests of 2026-07-28) speaks the client's
// era and knows nothing of upstreams; a target (one upstream, or all of them as one) speaks in results and refusals and
// knows nothing of HTTP. Values are JSON objects as they came; nobody on the way rewrites what it does not have to.

/** A JSON object as the protocol carries it. */
export type Values = Readonly<Record<string, unknown>>;

/** A message that wants no answer. */
export interface Notice {
  readonly method: string;
  readonly params?: Values;
}

/** Where the stream of an upstream stands: whoever goes on from there hears what follows, and nothing else. */
export interface Position {
  readonly upstream: string;
  /** Names the upstream's session, without telling its id. A position is of no use in another one. */
  readonly session: string;
  /** The upstream's id of the event. */
  readonly id: string;
  /** How many events of the session were read up to this one, by all instances together. */
  readonly read: number;
}

/** Places by the names of upstreams. */
export type Places = Readonly<Record<string, Position>>;

/** A request of an upstream to the client: sampling, elicitation, roots. */
export interface Asked {
  readonly method: string;
  readonly params: Values | undefined;
  /** Aborts when the upstream, or whoever made it ask, does not wait any longer. */
  readonly signal: AbortSignal;
}

/** The client's side of one conversation, as a target sees it: a session, or one request of 2026-07-28. */
export interface Conversation {
  readonly caller: Caller;
  readonly era: 'legacy' | 'modern';
  /** What the client declared it can do; `{}` for nothing. */
  readonly capabilities: Values;
  /**
   * Names who alone may use what cannot be shared; unique in the deployment. `undefined`: this conversation wants nothing
   * that cannot be shared with the same person's other conversations.
   */
  readonly holder: string | undefined;
  /**
   * Takes notices that belong to no request: changed lists, updated resources, log messages, task states.
   *
   * @param at where the upstream's stream stood then; `undefined`: nobody could go on from there
   */
  hear(notice: Notice, at?: Position): void;
  /** How far an upstream was heard by those who led this conversation before; `undefined`: not known, or by nobody. */
  heardUpTo?(upstream: string): Position | undefined;
  /**
   * Ask the client. Resolves with its result.
   *
   * @throws ProtocolError with the client's own error, or -32601 for what it did not declare; an `AbortError`
   */
  ask(asked: Asked): Promise<Values>;
}

/** One request on its way to a target. */
export interface Relayed {
  readonly context: AuditContext;
  readonly method: string;
  readonly params: Values | undefined;
  /** Length of the client's body; `undefined` when there was none of its own. */
  readonly bytes: number | undefined;
  readonly signal: AbortSignal;
  /** Called with progress, without a token. `undefined`: none was asked for. */
  readonly onProgress: ((progress: Values) => void) | undefined;
}

/** What a front serves. One is opened for each conversation. */
export interface Target {
  /** An initialize result without the protocol version: `capabilities`, `serverInfo`, `instructions`. */
  introduce(context: AuditContext): Promise<Values>;
  /**
   * The result, untouched. In a modern conversation it may say `input_required`; in a legacy one that was settled by asking.
   *
   * @throws ProtocolError with the upstream's own error; Refusal those of the gate, `upstream_unavailable`,
   *   `upstream_timeout`; an `AbortError` when the signal ended it
   */
  request(relayed: Relayed): Promise<unknown>;
  /** A notification of the client, such as changed roots. Cancellation is the request's signal instead. */
  notify(context: AuditContext, notice: Notice): Promise<void>;
  /** What another instance needs to go on with this conversation; `undefined` when it cannot. Small JSON. */
  resumption(): Values | undefined;
  /** Listen no more to what another instance can hear; requests go on. */
  rest(): void;
  /** Let go of it, and leave what `resumption` names as it is: somebody else goes on with it. */
  leave(): Promise<void>;
  /** Let go of everything that was held for this conversation, and end it. */
  close(): Promise<void>;
}

/** Open a target for one conversation. Nothing is contacted yet. @param resumed what `resumption` gave elsewhere */
export type OpenTarget = (conversation: Conversation, resumed?: Values) => Target;
