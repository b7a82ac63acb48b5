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

/** A scope as a part of an origin or a path. One that would lead elsewhere, or is too long for a path, is hashed. */
export function scopePart(scope: string): string {
  // No escape begins with `%~`, so no tenant can be called like another one's hash.
  return scopeOf(scope) ?? `%~${hash('sha256', scope, 'base64url')}`;
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
