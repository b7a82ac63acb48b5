/** A request on its way to an upstream: everything but the credential. */
export interface Outgoing {
  /** Scheme, host and port. A credential goes to the origin it was set for and to no other. */
  readonly origin: string;
  /** Path and query, beginning with `/`. */
  readonly path: string;
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** Lower-case names, built from nothing by the sender. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | undefined;
  readonly signal: AbortSignal;
  /**
   * The sender ends it by `signal` when it has taken too long; nobody else does. A call whose client is being asked meanwhile
   * takes as long as a person thinks. `undefined`: it may take as long as a call may.
   */
  readonly untimed?: true;
}

/** The upstream's answer. It resolves when its headers have arrived; the body comes after. */
export interface Answer {
  readonly status: number;
  /** Lower-case names; a repeated header is joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Bytes when the whole of a small body is there already (the common case, without a stream's cost), else read once,
   * with backpressure; breaking off the loop ends the upstream's request.
   */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Sends a request as it is and answers when the headers are there. The server owns it; the vault only calls it. */
export type Carry = (outgoing: Outgoing) => Promise<Answer>;
