import { refuse } from '../../refusal.ts';
import { retentionClasses } from './retention.ts';
import type { ArchivedName } from './archive-names.ts';
import type { NewestOfClasses } from './newest-of-classes.ts';

/** One file of an archived log. */
export interface ArchivedPiece {
  /** From the log's folder. */
  readonly path: string;
  readonly bytes: number;
  /** Hexadecimal. */
  readonly sha256: string;
}

/** What was archived of the log of one tenant and month. */
export interface LogManifest extends ArchivedName {
  readonly v: 1;
  readonly origin: string;
  /** Leaves that its checkpoint covers. */
  readonly size: number;
  /** When the newest entry of each class of retention was written. */
  readonly newest: NewestOfClasses;
  readonly pieces: readonly ArchivedPiece[];
}

/** What was archived of a month. */
export interface MonthManifest {
  readonly v: 1;
  /** What strangers know the log by. */
  readonly deployment: string;
  readonly month: string;
  /** Verifier keys of the checkpoints. */
  readonly vkeys: readonly string[];
  /** Its logs, each with the SHA-256 of its manifest, hexadecimal. */
  readonly logs: readonly (ArchivedName & { readonly sha256: string })[];
}

/** @throws Refusal `store_unavailable` for bytes that are no manifest of a log */
export function readLogManifest(bytes: Uint8Array): LogManifest {
  const value = parsed(bytes) as Partial<LogManifest>;
  const { newest, pieces, scope, shard, origin, size } = value;
  const named = isName(value) && typeof origin === 'string' && Number.isSafeInteger(size);
  const timed =
    isObject(newest) &&
    Object.entries(newest).every(
      ([of, ts]) => retentionClasses.some((each) => each === of) && Number.isSafeInteger(ts),
    );
  if (value.v !== 1 || !named || !timed || !Array.isArray(pieces) || !pieces.every(isPiece))
    throw notOurs(`${String(scope)}/${String(shard)}`);
  return value as LogManifest;
}

/** @throws Refusal `store_unavailable` for bytes that are no manifest of a month */
export function readMonthManifest(bytes: Uint8Array): MonthManifest {
  const value = parsed(bytes) as Partial<MonthManifest>;
  const { v, deployment, month, vkeys, logs } = value;
  const named = typeof deployment === 'string' && typeof month === 'string' && /^\d{6}$/.test(month);
  const keyed = Array.isArray(vkeys) && vkeys.every((vkey) => typeof vkey === 'string');
  const listed = Array.isArray(logs) && logs.every((log) => isName(log) && isDigest(log.sha256));
  if (v !== 1 || !named || !keyed || !listed) throw notOurs(String(month));
  return value as MonthManifest;
}

function parsed(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (isObject(value)) return value;
  } catch {
    // Told below.
  }
  throw notOurs('not JSON');
}

function isName(value: Partial<ArchivedName>): boolean {
  return (
    typeof value.scope === 'string' && typeof value.shard === 'string' && /^\d{6}(-\d+)?$/.test(value.shard)
  );
}

function isPiece(piece: Partial<ArchivedPiece>): boolean {
  return typeof piece.path === 'string' && Number.isSafeInteger(piece.bytes) && isDigest(piece.sha256);
}

function isDigest(text: unknown): boolean {
  return typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function notOurs(detail: string) {
  return refuse('store_unavailable', 'a manifest in the archive of the audit log is not in its form', detail);
}
