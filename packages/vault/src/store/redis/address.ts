import type { RedisClientOptions } from '@redis/client';
import { refuse } from '../../refusal.ts';
import { isLoopback } from '../loopback.ts';

// Where Redis is, and how it is spoken to. What travels is sealed, but the password of Redis and the times of every sign-in
// are not: off this machine it is TLS 1.3 with the certificate checked, or it is said aloud that it is not.

/** How to reach Redis. */
export interface RedisAddress {
  /** `redis://` or `rediss://` (TLS) with host, and if wanted port, user, password and number of the database. */
  readonly url: string;
  /** The password; wins over one in `url`. */
  readonly authToken?: string | undefined;
  /** Speak without TLS to another machine; refused when not `true`. */
  readonly allowPlaintext?: boolean | undefined;
  /** Certificates to trust in PEM; `undefined`: those that Node trusts. */
  readonly certificateAuthorities?: string | undefined;
}

const connectMsMax = 5000;
/** Further commands are refused while so many wait for an answer. */
const waitingMax = 20_000;
const retryMsMax = 1000;

/**
 * What the client is opened with.
 *
 * @throws Refusal `store_insecure` for a connection in clear to another machine, `store_unavailable` for an address that is none
 */
export function clientOptions(address: RedisAddress): RedisClientOptions {
  const url = checkedUrl(address.url);
  const encrypted = url.protocol === 'rediss:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (!encrypted && !isLoopback(host) && address.allowPlaintext !== true)
    throw refuse(
      'store_insecure',
      'Redis is on another machine and would be spoken to in clear: use rediss://, or set REDIS_ALLOW_PLAINTEXT=true',
      `the host of Redis is ${host}`,
    );
  const password = address.authToken ?? decodeURIComponent(url.password);
  const { certificateAuthorities: ca } = address;
  const socket = {
    host,
    port: url.port === '' ? 6379 : Number(url.port),
    connectTimeout: connectMsMax,
    reconnectStrategy: (retries: number) => Math.min(25 * 2 ** Math.min(retries, 10), retryMsMax),
  };
  return {
    // Also when NODE_TLS_REJECT_UNAUTHORIZED says otherwise.
    socket: encrypted
      ? {
          ...socket,
          tls: true,
          minVersion: 'TLSv1.3',
          rejectUnauthorized: true,
          ...(ca === undefined ? {} : { ca }),
        }
      : socket,
    ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
    ...(password === '' ? {} : { password }),
    database: Number(url.pathname.slice(1) || '0'),
    disableOfflineQueue: true,
    commandsQueueMaxLength: waitingMax,
    maintNotifications: 'disabled',
  };
}

function checkedUrl(text: string): URL {
  const url = URL.parse(text);
  if (
    url === null ||
    !/^rediss?:$/.test(url.protocol) ||
    url.hostname === '' ||
    !/^(\/\d{0,5})?$/.test(url.pathname) ||
    `${url.search}${url.hash}` !== ''
  )
    // The address may hold a password: not even the log gets it.
    throw refuse('store_unavailable', 'the address of Redis is not like rediss://redis.example.com:6379');
  return url;
}
