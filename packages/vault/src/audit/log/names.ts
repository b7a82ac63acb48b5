import { rootOrigin, scopePart, shardOrigin } from '../../audit-verify/layout.ts';
import { rootLog, type LogName } from './segments.ts';

// How logs are called where strangers see them: see `audit-verify/layout.ts`.

export { scopeIn, scopePart } from '../../audit-verify/layout.ts';

/** The month of a time, in UTC, such as `202611`. */
export function monthOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7).replace('-', '');
}

/** The first millisecond behind a month. */
export function monthEndMs(month: string): number {
  return Date.UTC(Number(month.slice(0, 4)), Number(month.slice(4)));
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
