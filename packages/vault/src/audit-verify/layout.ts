import { hash } from 'node:crypto';
import { indexPath } from '../tlog/tile-paths.ts';

// Where things lie in the folder of an audit log, and how its logs are called.
//
//   policy.json                      {"v":1,"deployment":…,"vkeys":[…]}
//   root/checkpoint, root/tile/…     the log over all logs: origin `<deployment>/audit/root`
//   logs/<scope>/<month>/checkpoint  one log a tenant and month: origin `<deployment>/audit/<scope>/<month>`
//   logs/<scope>/<month>/tile/…
//   logs/<scope>/<month>/bodies/<N>.jsonl   optional: what is disclosed of the entries of bundle N
//   anchors.jsonl                    optional: checkpoints that were noted elsewhere
//
// `<scope>` is the tenant in `encodeURIComponent`, or `_system`. A month is six digits; a log that had to be begun anew within
// its month has a number behind them.

/** The folder of the log over all logs. */
export const rootFolder = 'root';
/** Whose log it is, and which keys speak for it. */
export const policyPath = 'policy.json';
/** Checkpoints that were noted elsewhere. */
export const anchorsPath = 'anchors.jsonl';

/** The log of one tenant and month. */
export interface ShardName {
  /** As it stands in the path: escaped. */
  readonly scope: string;
  /** `202611`, or `202611-2` for the second of that month. */
  readonly month: string;
}

/** The origin of the log over all logs. */
export function rootOrigin(deployment: string): string {
  return `${deployment}/audit/root`;
}

/** The origin of a shard. */
export function shardOrigin(deployment: string, { scope, month }: ShardName): string {
  return `${deployment}/audit/${scope}/${month}`;
}

/** Where a shard lies. */
export function shardFolder({ scope, month }: ShardName): string {
  return `logs/${scope}/${month}`;
}

/** Where the bodies of a bundle lie, below the shard's folder. */
export function bodiesPath(bundle: number): string {
  return `bodies/${indexPath(bundle)}.jsonl`;
}

/** What a tenant is called in paths and origins. @returns `undefined` when it would lead elsewhere */
export function scopeOf(tenant: string): string | undefined {
  const scope = tenant.isWellFormed() ? encodeURIComponent(tenant) : '';
  return isScope(scope) ? scope : undefined;
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

/** The shard that an origin is of; `undefined` when it is none of this deployment. */
export function parseShardOrigin(deployment: string, origin: string): ShardName | undefined {
  const start = `${deployment}/audit/`;
  const [scope, month, ...rest] = origin.startsWith(start) ? origin.slice(start.length).split('/') : [];
  if (scope === undefined || month === undefined || rest.length > 0) return undefined;
  return isScope(scope) && monthForm.test(month) ? { scope, month } : undefined;
}

/** Orders the shards of one scope by their time. */
export function byMonth(one: ShardName, other: ShardName): number {
  const [a, b] = [one, other].map(({ month }) => month.split('-').map(Number));
  return a![0]! - b![0]! || (a![1] ?? 1) - (b![1] ?? 1);
}

const monthForm = /^\d{4}(0[1-9]|1[0-2])(-([2-9]|[1-9]\d{1,2}))?$/;

/** One tenant has one scope: another escaping of the same name would be a second log of the same tenant. */
function isScope(scope: string): boolean {
  // `.` and `..` lead out of the folder.
  if (!/^(?!\.{1,2}$)[\w.!~*'()%-]{1,512}$/.test(scope)) return false;
  try {
    return encodeURIComponent(decodeURIComponent(scope)) === scope;
  } catch {
    return false;
  }
}
