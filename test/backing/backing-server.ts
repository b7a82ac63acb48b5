/** A service that runs. */
export interface Service {
  /** Where it answers. */
  readonly endpoint: string;
  /** End it, and wait. */
  stop(): Promise<void>;
}

/** Why there is no service, in words for whoever runs the tests. */
export interface Missing {
  readonly missing: string;
}
