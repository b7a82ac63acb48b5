/** How many links there may be, and for how long. */
export interface LinkLimits {
  /** Children of all groups together. The longest idle one makes room; when none is idle the call is refused. */
  readonly childrenMax: number;
  /** Children of one person that nobody shares. */
  readonly childrenPerPersonMax: number;
  /** Conversations with HTTP upstreams, of all groups together. */
  readonly sessionsMax: number;
  /** Conversations of one person with HTTP upstreams. */
  readonly sessionsPerPersonMax: number;
  /** A link without a request or session for this long is ended. */
  readonly idleSeconds: number;
  /** Between two looks whether what was lent for a link is still what would be lent. */
  readonly lookSeconds: number;
  /** From its start to the end of the handshake; generous, since package runners download first. */
  readonly startSeconds: number;
  /** The only commands that are run; `undefined`: whichever the operator has described. */
  readonly commands: readonly string[] | undefined;
  /** The longest call, without the time in which the client was asked something. */
  readonly callSeconds: number;
}

/** What holds when nothing else is said. */
export const linkLimits: LinkLimits = {
  childrenMax: 64,
  childrenPerPersonMax: 16,
  sessionsMax: 4000,
  sessionsPerPersonMax: 200,
  idleSeconds: 600,
  lookSeconds: 5,
  startSeconds: 60,
  callSeconds: 300,
  commands: undefined,
};
