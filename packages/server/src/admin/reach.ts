import { connect } from 'node:net';
import type { HttpUpstream } from '../domain/upstream.ts';
import { refuse } from '../errors.ts';

/**
 * Whether something listens at an HTTP upstream's address. Nothing is sent: a request would need its credential, and an
 * entry in the journal.
 *
 * @throws Refusal `upstream_unavailable`
 */
export function reachAddress({ name, url }: HttpUpstream, timeoutMs: number): Promise<void> {
  const { hostname, port, protocol } = new URL(url);
  const target = {
    host: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
  return new Promise((resolve, reject) => {
    const socket = connect({ ...target, timeout: timeoutMs });
    const end = (why: string | undefined): void => {
      socket.destroy();
      if (why === undefined) resolve();
      else
        reject(refuse('upstream_unavailable', `upstream "${name}" at ${target.host}:${target.port} ${why}`));
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('does not answer'));
    socket.once('error', ({ code }: NodeJS.ErrnoException) => end(`cannot be reached (${code ?? 'error'})`));
  });
}
