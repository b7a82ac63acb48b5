/** A service that runs. */
export interface Service {
  /** Where it answers. */
  readonly endpoint: string;
  /** Of a process that was started here. */
  readonly pid?: number | undefined;
  /** End it, and wait. */
  stop(): Promise<void>;
}

/** Why there is no service, in words for whoever runs the tests. */
export interface Missing {
  readonly missing: string;
}
