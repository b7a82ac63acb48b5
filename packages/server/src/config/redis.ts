// Where Redis is, and what has to go with it: it means several instances.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';
import { secretOf, type Secret } from './variable.ts';

/** Where Redis is. */
export interface RedisChoice {
  readonly url: Secret;
  /** `undefined`: the one in `url`, if any. */
  readonly authToken: Secret | undefined;
  /** Speak without TLS to another machine. */
  readonly allowPlaintext: boolean;
}

/** The Redis that the values name; `undefined`: there is one instance. */
export function redisOf(values: Values): RedisChoice | undefined {
  const { REDIS_URL: url, REDIS_AUTH_TOKEN: authToken, REDIS_ALLOW_PLAINTEXT: allowPlaintext } = values;
  if (url === undefined) return undefined;
  return {
    url: secretOf('REDIS_URL', url),
    authToken: authToken === undefined ? undefined : secretOf('REDIS_AUTH_TOKEN', authToken),
    allowPlaintext,
  };
}

/** What stands against the Redis that the values name, each with what to do. */
export function redisProblems(values: Values): string[] {
  if (values.REDIS_URL === undefined) return [];
  const problems: string[] = [];
  if (values.ADVERTISE_URL === undefined)
    problems.push(
      'REDIS_URL means several instances, and they need to reach each other: set ADVERTISE_URL to where others reach this one',
    );
  if (inClear(values) && !values.REDIS_ALLOW_PLAINTEXT)
    problems.push(
      'REDIS_URL must be rediss:// unless Redis is on this machine: its password would travel in clear; REDIS_ALLOW_PLAINTEXT=true allows it',
    );
  return problems;
}

/** What is allowed and still worth a line at the start. */
export function redisRemarks(values: Values): string[] {
  if (!inClear(values)) return [];
  return [
    'REDIS_ALLOW_PLAINTEXT is set: the password of Redis travels in clear; use rediss:// where you can',
  ];
}

/** Whether Redis is on another machine and would be spoken to without TLS. */
function inClear({ REDIS_URL: text }: Values): boolean {
  const url = text === undefined ? null : URL.parse(text);
  return url?.protocol === 'redis:' && !isLoopback(url.hostname);
}
