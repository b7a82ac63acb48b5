import type { LogName } from './segments.ts';

// How logs are called. A scope is escaped: a tenant's name cannot reach out of its place in an origin or a path.

/** The month of a time, in UTC, such as `202611`. */
export function monthOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 7).replace('-', '');
}

/** A scope as a part of an origin or a path. */
export function scopePart(scope: string): string {
  const escaped = encodeURIComponent(scope);
  return /^\.+$/.test(escaped) ? escaped.replaceAll('.', '%2E') : escaped;
}

/** The scope of such a part. `undefined` when it is none. */
export function scopeOfPart(part: string): string | undefined {
  try {
    const scope = decodeURIComponent(part);
    return scopePart(scope) === part ? scope : undefined;
  } catch {
    return undefined;
  }
}

/** The origin of a log (C2SP tlog-checkpoint). */
export function originOf(deployment: string, { scope, shard }: LogName): string {
  return `${deployment}/audit/${scopePart(scope)}/${shard}`;
}

/** The origin of the root log. */
export function rootOrigin(deployment: string): string {
  return `${deployment}/audit/root`;
}

/** The name of the key under which all checkpoints are signed. */
export function noteKeyName(deployment: string): string {
  return `${deployment}/audit`;
}
