// What is asked of the API, and what comes back.

/** One call of the API. */
export interface Call {
  readonly method: 'GET' | 'POST';
  /** Below `/v1/`. */
  readonly path: string;
  /** `undefined`: none is sent. */
  readonly token?: string | undefined;
  readonly body?: Readonly<Record<string, unknown>> | undefined;
}

/** What the server answered, whatever its status. */
export interface Answer {
  readonly status: number;
  /** `undefined` when there is no body, or it is no JSON object. */
  readonly body: Readonly<Record<string, unknown>> | undefined;
}
