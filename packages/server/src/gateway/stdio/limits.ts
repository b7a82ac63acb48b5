/** How many children and sessions there may be, and for how long. */
export interface ChildLimits {
  /** Children of all groups together. The longest idle one makes room; when none is idle the call is refused. */
  readonly childrenMax: number;
  /** A child without a request or session for this long is ended. */
  readonly idleSeconds: number;
  /** From its start to the end of the handshake; generous, since package runners download first. */
  readonly startSeconds: number;
  /** The longest call. */
  readonly callSeconds: number;
  readonly sessionsMax: number;
  /** Of one person. The least recently used one makes room. */
  readonly sessionsPerPersonMax: number;
  /** A session without a request or stream for this long is ended. */
  readonly sessionIdleSeconds: number;
}

/** What holds when nothing else is said. */
export const childLimits: ChildLimits = {
  childrenMax: 64,
  idleSeconds: 600,
  startSeconds: 60,
  callSeconds: 300,
  sessionsMax: 2000,
  sessionsPerPersonMax: 100,
  sessionIdleSeconds: 1800,
};
