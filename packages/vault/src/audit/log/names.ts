import { hash } from 'node:crypto';
import { rootOrigin, scopeOf, shardOrigin } from '../../audit-verify/layout.ts';
import { rootLog, type LogName } from './segments.ts';

// How logs are called where strangers see them: see `audit-verify/layout.ts`.

/** The month of a time, in UTC, such as `202611`. */
export function monthOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7).replace('-', '');
}

/** The first millisecond behind a month. */
export function monthEndMs(month: string): number {
  return Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)));
}

const hashed = /^~[\w-]{43}$/;

/**
 * A scope as a part of an origin or a path. One that would lead elsewhere, or is too long, is hashed; so is one that looks like
 * such a hash, so that no two scopes have one name.
 */
export function scopePart(scope: string): string {
  const part = hashed.test(scope) ? undefined : scopeOf(scope);
  return part ?? `~${hash('sha256', scope, 'base64url')}`;
}

/** The scope of such a part. `undefined` when it is hashed, or none. */
export function scopeIn(part: string): string | undefined {
  if (hashed.test(part)) return undefined;
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

/** The origin of a log (C2SP tlog-checkpoint). */
export function originOf(deployment: string, log: LogName): string {
  return log === rootLog
    ? rootOrigin(deployment)
    : shardOrigin(deployment, { scope: scopePart(log.scope), month: log.shard });
}

/** The name of the key under which all checkpoints are signed. */
export function noteKeyName(deployment: string): string {
  return `${deployment}/audit`;
}
