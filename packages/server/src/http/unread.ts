import type { ServerResponse } from 'node:http';

/**
 * Cut a client off that does not take what waits for it. Its answer would lie in memory, and its place among the calls
 * under way be held, for as long as it likes.
 *
 * @returns how to let it be, once it has caught up
 */
export function cutUnread(response: ServerResponse, afterMs: number): () => void {
  const timer = setTimeout(() => response.destroy(), afterMs);
  const stop = (): void => {
    clearTimeout(timer);
    response.off('close', stop);
  };
  response.once('close', stop);
  return stop;
}
