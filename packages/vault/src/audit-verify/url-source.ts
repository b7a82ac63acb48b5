import { Refusal, refuse } from '../refusal.ts';
import { isLogPath, type LogSource } from './source.ts';

const requestSeconds = 60;
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * An address that a log may be read at, without the `/` at its end.
 *
 * @param address `https:`, or `http:` on this machine; without a password, a query or a fragment
 * @throws Refusal `log_unreadable` when it is another one
 */
export function logAddress(address: string): string {
  const base = URL.canParse(address) ? new URL(address) : undefined;
  const safe = base?.protocol === 'https:' || (base?.protocol === 'http:' && loopback.test(base.hostname));
  const plain = base?.search === '' && base.hash === '' && base.username === '' && base.password === '';
  if (base !== undefined && safe && plain) return base.href.replace(/\/*$/, '');
  throw refuse(
    'log_unreadable',
    'a log is read over https, or over http on this machine, at an address without a password or a query',
  );
}

/**
 * A log over HTTP, as `GET <address>/<path>`. Redirects are not followed; an answer has a bound in bytes and in time.
 *
 * @param address one of {@link logAddress}
 * @param timeoutSeconds for one answer, all of it; 60 when not given
 * @throws Refusal those of {@link logAddress}
 */
export function urlSource(
  address: string,
  fetch: typeof globalThis.fetch,
  timeoutSeconds: number = requestSeconds,
): LogSource {
  const prefix = logAddress(address);
  return {
    async read(path, bytesMax) {
      if (!isLogPath(path)) throw refuse('log_unreadable', 'this is no path of a log', path);
      // A scope is escaped within its path, so it is escaped twice here.
      const url = `${prefix}/${path.split('/').map(encodeURIComponent).join('/')}`;
      try {
        const signal = AbortSignal.timeout(timeoutSeconds * 1000);
        return await answerOf(await fetch(url, { redirect: 'error', signal }), path, bytesMax);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw refuse('log_unreadable', 'the log does not answer', path, error);
      }
    },
  };
}

async function answerOf(response: Response, path: string, bytesMax: number): Promise<Uint8Array | undefined> {
  if (response.status !== 200) {
    await response.body?.cancel();
    if (response.status === 404 || response.status === 410) return undefined;
    throw refuse('log_unreadable', `the log answers with status ${response.status}`, path);
  }
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    // Leaving the loop ends the answer.
    if (length > bytesMax) throw refuse('log_unreadable', 'a file of the log is too large', path);
    parts.push(part);
  }
  return Buffer.concat(parts);
}
