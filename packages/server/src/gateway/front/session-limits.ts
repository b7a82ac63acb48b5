/** How many legacy sessions there may be, for how long, and how much of what they were sent is kept for a resumption. */
export interface SessionLimits {
  /** Of all groups together, on this instance. The longest idle one makes room. */
  readonly sessionsMax: number;
  /** Of one person. The least recently used idle one makes room. */
  readonly sessionsPerPersonMax: number;
  /** Requests of one session that are under way; a client that goes away does not end them. */
  readonly callsMax: number;
  /** A session without a request or stream for this long is ended. */
  readonly sessionIdleSeconds: number;
  /** How long a client may take to answer a question of an upstream. */
  readonly askSeconds: number;
  /** Questions of upstreams that one session may owe an answer to. */
  readonly asksMax: number;
  /** Messages of one session that can still be replayed. */
  readonly eventsMax: number;
  /** Their bytes together; a message above it is not replayed. */
  readonly eventBytesMax: number;
  readonly eventSeconds: number;
}

/** What holds when nothing else is said. */
export const sessionLimits: SessionLimits = {
  sessionsMax: 2000,
  sessionsPerPersonMax: 100,
  callsMax: 256,
  sessionIdleSeconds: 1800,
  askSeconds: 300,
  asksMax: 64,
  eventsMax: 1000,
  eventBytesMax: 1024 * 1024,
  eventSeconds: 600,
};
