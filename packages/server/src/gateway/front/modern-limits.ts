/** How much the modern front holds for its clients, and for how long. */
export interface ModernLimits {
  /** Conversations of one person that nobody else shares; each may be a child process of its own. */
  readonly holdersPerPersonMax: number;
  /** Of all people together. */
  readonly holdersMax: number;
  /** One without a request for this long is ended. */
  readonly holderIdleSeconds: number;
  /** Longest wait for one of the person's own conversations to become free. */
  readonly holderWaitSeconds: number;
  /** Calls of one person that wait for input; the one waiting for longest makes room. */
  readonly parkedPerPersonMax: number;
  readonly parkedMax: number;
  /** Longest wait for the client's input. */
  readonly parkedSeconds: number;
  /** The upper bound on a request state that an upstream gave; it has its own end too. */
  readonly upstreamStateSeconds: number;
  readonly listensPerPersonMax: number;
  readonly listensMax: number;
  /** Between two comments on a quiet stream. */
  readonly keepAliveMs: number;
}

/** What holds when nothing else is said. */
export const modernLimits: ModernLimits = {
  holdersPerPersonMax: 16,
  holdersMax: 1000,
  holderIdleSeconds: 300,
  holderWaitSeconds: 30,
  parkedPerPersonMax: 8,
  parkedMax: 1000,
  parkedSeconds: 300,
  upstreamStateSeconds: 3600,
  listensPerPersonMax: 32,
  listensMax: 1024,
  keepAliveMs: 15_000,
};
