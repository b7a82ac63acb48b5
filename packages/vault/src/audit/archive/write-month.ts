import { hash } from 'node:crypto';
import type { Archive, BlobWrite } from '../../store/archive.ts';
import { policyBytes, type LogIdentity } from '../log/log-source.ts';
import { originOf, scopePart } from '../log/names.ts';
import type { Period, StoredLog } from '../log/segments.ts';
import type { ArchivedName, ArchiveNames } from './archive-names.ts';
import { logPieces, newestIn, type NotedLog, type PieceParts } from './log-pieces.ts';
import { readLogManifest, type ArchivedPiece, type LogManifest, type MonthManifest } from './manifests.ts';
import { logKeptUntilMs } from './newest-of-classes.ts';
import { manifestBytesMax, readBlob } from './read-blob.ts';

/** What a month is written with. */
export interface WriteParts extends PieceParts {
  readonly identity: LogIdentity;
  readonly archive: Archive;
  readonly names: ArchiveNames;
  readonly now: () => number;
}

/** A month as it was written. */
export interface WrittenMonth {
  readonly manifest: MonthManifest;
  /** Until when its last log is kept, in milliseconds since 1970. */
  readonly keptUntilMs: number;
}

/**
 * Write a month whose logs do not change any more. Nothing that is there is replaced, and a log whose manifest is there is
 * done: a write that was cut off is gone on with. A bucket with Object Lock keeps each log for as long as its classes say.
 *
 * @returns what there is of it
 * @throws Refusal `store_unavailable`, `item_invalid`
 */
export async function writeMonth(parts: WriteParts, period: Period): Promise<WrittenMonth> {
  const { archive, names, identity } = parts;
  const logs: (ArchivedName & { readonly sha256: string })[] = [];
  let untilMs = 0;
  for (const log of (await period.logs()).filter(isNoted)) {
    const name = { scope: scopePart(log.scope), shard: log.shard };
    const { manifest } = names.log(period.name, name);
    const known = await readBlob(archive, manifest, manifestBytesMax);
    const bytes = known ?? (await writeLog(parts, period, log));
    untilMs = Math.max(untilMs, logKeptUntilMs(readLogManifest(bytes).newest));
    logs.push({ ...name, sha256: hash('sha256', bytes, 'hex') });
  }
  await archive.put(names.policy(period.name), policyBytes(identity), lockedOnce(parts, untilMs));
  return { manifest: { v: 1, ...identity, month: period.name, logs }, keptUntilMs: untilMs };
}

/** Write the month's own blob, once all else was found right. */
export async function endMonth(parts: WriteParts, { manifest, keptUntilMs }: WrittenMonth): Promise<void> {
  const text = Buffer.from(JSON.stringify(manifest));
  await parts.archive.put(parts.names.month(manifest.month), text, lockedOnce(parts, keptUntilMs));
}

/** Nothing is replaced; what must be kept is locked, and what need not be any more is not. */
function lockedOnce({ now }: Pick<WriteParts, 'now'>, untilMs: number): BlobWrite {
  return { ifAbsent: true, ...(untilMs > now() && { lockedUntilMs: untilMs }) };
}

async function writeLog(parts: WriteParts, period: Period, log: NotedLog): Promise<Buffer> {
  const { archive, names, identity } = parts;
  const blobs = names.log(period.name, { scope: scopePart(log.scope), shard: log.shard });
  const pieces: ArchivedPiece[] = [];
  const newest = await newestIn(period, log);
  const write = lockedOnce(parts, logKeptUntilMs(newest));
  for await (const { path, bytes } of logPieces(parts, period, log)) {
    await archive.put(blobs.piece(path), bytes, write);
    pieces.push({ path, bytes: bytes.length, sha256: hash('sha256', bytes, 'hex') });
  }
  const manifest: LogManifest = {
    v: 1,
    scope: scopePart(log.scope),
    shard: log.shard,
    origin: originOf(identity.deployment, log),
    size: log.notedSize,
    newest,
    pieces,
  };
  const text = Buffer.from(JSON.stringify(manifest));
  await archive.put(blobs.manifest, text, write);
  return text;
}

/** Months with a log that has no checkpoint are not due. */
function isNoted(log: StoredLog): log is NotedLog {
  return log.note !== undefined;
}
