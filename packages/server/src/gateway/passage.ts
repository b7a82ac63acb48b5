import type { Caller } from '../caller.ts';
import type { Reply } from '../domain/reply.ts';
import type { HttpUpstream } from '../domain/upstream.ts';
import type { Call } from './call.ts';
import type { Fields } from './fields.ts';

/** One call to pass to an HTTP upstream. Deciding whether it may pass (`allow`) is done before. */
export interface Passage {
  readonly caller: Caller;
  readonly upstream: HttpUpstream;
  readonly call: Call;
  readonly fields: Fields;
  /** The body as it came; `undefined` for GET and DELETE. */
  readonly body: Uint8Array | undefined;
  /** UUIDv7 of the request. */
  readonly correlation: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  readonly reply: Reply;
}
