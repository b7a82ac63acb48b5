import { hash } from 'node:crypto';
import type { Archive } from '../../store/archive.ts';
import { policyBytes, type LogIdentity } from '../log/log-source.ts';
import { originOf, scopePart } from '../log/names.ts';
import type { Period, StoredLog } from '../log/segments.ts';
import type { ArchivedName, ArchiveNames } from './archive-names.ts';
import { logPieces, type NotedLog, type PieceParts } from './log-pieces.ts';
import { readLogManifest, type ArchivedPiece, type LogManifest, type MonthManifest } from './manifests.ts';
import { lookForClasses } from './newest-of-classes.ts';
import { manifestBytesMax, readBlob } from './read-blob.ts';

/** What a month is written with. */
export interface WriteParts extends PieceParts {
  readonly identity: LogIdentity;
  readonly archive: Archive;
  readonly names: ArchiveNames;
}

/**
 * Write a month whose logs do not change any more. Nothing that is there is replaced, and a log whose manifest is there is
 * done: a write that was cut off is gone on with.
 *
 * @returns what there is of it
 * @throws Refusal `store_unavailable`, `item_invalid`
 */
export async function writeMonth(parts: WriteParts, period: Period): Promise<MonthManifest> {
  const { archive, names, identity } = parts;
  const logs: (ArchivedName & { readonly sha256: string })[] = [];
  for (const log of (await period.logs()).filter(isNoted)) {
    const name = { scope: scopePart(log.scope), shard: log.shard };
    const { manifest } = names.log(period.name, name);
    const known = await readBlob(archive, manifest, manifestBytesMax);
    const bytes = known ?? (await writeLog(parts, period, log));
    readLogManifest(bytes);
    logs.push({ ...name, sha256: hash('sha256', bytes, 'hex') });
  }
  await archive.put(names.policy(period.name), policyBytes(identity), { ifAbsent: true });
  return { v: 1, ...identity, month: period.name, logs };
}

/** Write the month's own blob, once all else was found right. */
export async function endMonth({ archive, names }: WriteParts, manifest: MonthManifest): Promise<void> {
  await archive.put(names.month(manifest.month), Buffer.from(JSON.stringify(manifest)), { ifAbsent: true });
}

async function writeLog(
  { archive, names, ...parts }: WriteParts,
  period: Period,
  log: NotedLog,
): Promise<Buffer> {
  const blobs = names.log(period.name, { scope: scopePart(log.scope), shard: log.shard });
  const pieces: ArchivedPiece[] = [];
  const classes = lookForClasses();
  for await (const { path, bytes } of logPieces(parts, period, log, classes.see)) {
    await archive.put(blobs.piece(path), bytes, { ifAbsent: true });
    pieces.push({ path, bytes: bytes.length, sha256: hash('sha256', bytes, 'hex') });
  }
  const manifest: LogManifest = {
    v: 1,
    scope: scopePart(log.scope),
    shard: log.shard,
    origin: originOf(parts.identity.deployment, log),
    size: log.notedSize,
    newest: classes.newest(),
    pieces,
  };
  const text = Buffer.from(JSON.stringify(manifest));
  await archive.put(blobs.manifest, text, { ifAbsent: true });
  return text;
}

/** Months with a log that has no checkpoint are not due. */
function isNoted(log: StoredLog): log is NotedLog {
  return log.note !== undefined;
}
