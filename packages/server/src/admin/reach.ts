import type { HttpUpstream } from '../domain/upstream.ts';
import { refuse } from '../errors.ts';
import { guardedConnector } from '../outgoing/connector.ts';

/**
 * Whether something listens at an HTTP upstream's address. Nothing is sent: a request would need its credential, and an
 * entry in the journal.
 *
 * @throws Refusal `upstream_unavailable`
 */
export function reachAddress({ name, url }: HttpUpstream, timeoutMs: number): Promise<void> {
  const { hostname, host, port, protocol } = new URL(url);
  const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
  const connect = guardedConnector({ reach: () => 'operator', connectMs: timeoutMs });
  return new Promise((resolve, reject) => {
    // TCP alone says that something listens.
    connect({ hostname, host, protocol: 'http:', port: String(number) }, (error, socket) => {
      socket?.destroy();
      if (error === null) return resolve();
      const { code = 'error' } = error as NodeJS.ErrnoException;
      const why = code === 'UND_ERR_CONNECT_TIMEOUT' ? 'does not answer' : `cannot be reached (${code})`;
      reject(refuse('upstream_unavailable', `upstream "${name}" at ${hostname}:${number} ${why}`));
    });
  });
}
