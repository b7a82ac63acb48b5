/** Where an answer to a client goes. Header names are lower-case; nothing is added to them but the framing. */
export interface Reply {
  /** Whether a status line has been sent: from then on a refusal can only cut the answer off. */
  begun(): boolean;
  /** The whole answer at once, with its `content-length`. */
  send(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array): void;
  /** Status and headers of an answer that comes in pieces; they leave at once. */
  head(status: number, headers: Readonly<Record<string, string>>): void;
  /** @returns `true` to go on; a promise that resolves when the client has taken enough, or has gone */
  write(chunk: Uint8Array): true | Promise<void>;
  end(): void;
  /** Break the connection, so that the client sees that the answer is not complete. */
  cut(): void;
}
