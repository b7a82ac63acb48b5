/** How much in how long. */
export interface UseLimit {
  readonly limit: number;
  readonly windowMs: number;
}

/** Where a name stands. */
export interface Counted {
  readonly allowed: boolean;
  /** Uses inside the window; the one just admitted is among them. */
  readonly used: number;
  /** Milliseconds until one more use is free; 0 when nothing is used. */
  readonly freesInMs: number;
}

/**
 * Counts uses by name for several instances at once. In no interval of the window's length, wherever it begins, more than
 * `limit` are admitted; a use may count for up to a sixtieth of the window longer than it is inside. It sees names and
 * numbers: blind the names.
 *
 * Both methods throw Refusal `store_unavailable`.
 */
export interface UseCounter {
  /** Whether a use would be admitted, without using anything. */
  look(name: string, limit: UseLimit): Promise<Counted>;
  /** Use one, if it is admitted. A refused use does not count. */
  use(name: string, limit: UseLimit): Promise<Counted>;
}
