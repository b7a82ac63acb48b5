/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  readonly sinceMs: number;
  /** Behind the last. */
  readonly untilMs: number;
}
