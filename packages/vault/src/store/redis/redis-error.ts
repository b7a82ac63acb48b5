import { Refusal, refuse } from '../../refusal.ts';

// What Redis and its client say, in our words. Redis begins an error with a word for its kind.

const messages: Readonly<Record<string, string>> = {
  BUSY: 'Redis is busy with a script',
  CLUSTERDOWN: 'a part of the Redis cluster is down',
  LOADING: 'Redis is still loading its data',
  MASTERDOWN: 'Redis has lost its primary',
  MISCONF: 'Redis cannot write its data to disk',
  NOAUTH: 'Redis wants a password: set REDIS_AUTH_TOKEN',
  NOPERM: 'Redis denies access: its user lacks rights',
  NOREPLICAS: 'Redis has too few replicas to write',
  OOM: 'Redis is out of memory',
  READONLY: 'Redis is a replica and takes no writes',
  TRYAGAIN: 'the Redis cluster is moving its data',
  UNKILLABLE: 'Redis is busy with a script',
  WRONGPASS: 'Redis does not accept the password',
};

/** The kind of an error that Redis answered with; `''` when it is none of Redis's own. */
export function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return /^[A-Z]+(?= |$)/.exec(error.message)?.[0] ?? '';
}

/** The refusal `store_unavailable` that an error stands for; refusals as they are. */
export function unavailable(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error;
  const message = messages[kindOf(error)] ?? 'Redis does not answer';
  return refuse('store_unavailable', message, `Redis ${error.name}: ${error.message}`, error);
}
