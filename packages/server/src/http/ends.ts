import type { ServerResponse } from 'node:http';
import type { Ends } from './load.ts';

/**
 * How an answer ends when the gateway stops. A call that has to go is broken off, so that nobody takes a piece for the
 * whole. A stream is ended in order: events are whole or nothing, and its client comes back for what follows, elsewhere.
 *
 * @param stop ends what feeds a stream
 */
export function endsOf(
  response: ServerResponse,
  kind: 'call' | 'stream',
  stop: () => void = () => undefined,
): Ends {
  return {
    cut() {
      if (kind === 'call' || !response.headersSent) return void response.destroy();
      response.end();
      stop();
    },
    last: () => lastOn(response),
  };
}

/** Nothing further may come on the connection of this response. */
export function lastOn(response: ServerResponse): void {
  response.shouldKeepAlive = false;
}
