import { refuse } from '../../refusal.ts';
import type { Archive } from '../../store/archive.ts';
import type { ArchiveMonthsParts } from './archive-months.ts';
import { archiveNames, type ArchiveNames } from './archive-names.ts';
import { readLogManifest, readMonthManifest, type LogManifest, type MonthManifest } from './manifests.ts';
import { logKeptUntilMs } from './newest-of-classes.ts';
import { manifestBytesMax, readBlob } from './read-blob.ts';

// A log leaves the archive when the class in it that is kept longest has passed; a month with its last log. The log over all
// logs still has what every log ended with.

/** What expiry works with. */
export type ExpireParts = Pick<ArchiveMonthsParts, 'archive' | 'identity' | 'held' | 'noted' | 'now'> & {
  /** Months that were not dropped yet. */
  readonly hot: readonly string[];
};

/** A log in the archive. */
export interface ArchivedLog {
  readonly month: string;
  readonly manifest: LogManifest;
  /** Milliseconds since 1970: from then on it may go. */
  readonly keptUntilMs: number;
}

/**
 * Remove from the archive what need not be kept any more.
 *
 * @returns origins of the logs
 * @throws Refusal `store_unavailable`; it goes on where it was
 */
export async function expireLogs(parts: ExpireParts): Promise<readonly string[]> {
  const { archive, identity, held, noted, hot, now } = parts;
  const names = archiveNames(identity.deployment);
  const gone: string[] = [];
  for await (const month of archivedMonths(archive, names)) {
    if (hot.includes(month.month)) continue;
    let left = 0;
    for await (const { manifest, keptUntilMs } of archivedLogs(archive, names, month)) {
      if (now() < keptUntilMs || (await held([manifest.scope]))) {
        left += 1;
        continue;
      }
      await noted('audit.expire', `log:${manifest.origin}`, () =>
        removeLog(archive, names, month.month, manifest),
      );
      gone.push(manifest.origin);
    }
    if (left > 0) continue;
    await archive.remove(names.policy(month.month));
    await archive.remove(names.month(month.month));
  }
  return gone;
}

/** The manifest goes last: while it is there, what is left of the log is known. */
async function removeLog(
  archive: Archive,
  names: ArchiveNames,
  month: string,
  manifest: LogManifest,
): Promise<void> {
  const blobs = names.log(month, manifest);
  for (const { path } of manifest.pieces) await archive.remove(blobs.piece(path));
  await archive.remove(blobs.manifest);
}

/** Months in the archive, the oldest first. */
export async function* archivedMonths(archive: Archive, names: ArchiveNames): AsyncGenerator<MonthManifest> {
  for (let cursor: string | undefined; ;) {
    const page = await archive.list({ prefix: names.months, limit: 1000, ...(cursor && { cursor }) });
    for (const { name } of page.blobs) {
      const bytes = await readBlob(archive, name, manifestBytesMax);
      if (bytes !== undefined) yield readMonthManifest(bytes);
    }
    cursor = page.cursor;
    if (cursor === undefined) return;
  }
}

/** Logs of a month that are still in the archive. */
export async function* archivedLogs(
  archive: Pick<Archive, 'get'>,
  names: ArchiveNames,
  { month, logs }: MonthManifest,
): AsyncGenerator<ArchivedLog> {
  for (const log of logs) {
    const bytes = await readBlob(archive, names.log(month, log).manifest, manifestBytesMax);
    if (bytes === undefined) continue;
    const manifest = readLogManifest(bytes);
    if (manifest.scope !== log.scope || manifest.shard !== log.shard)
      throw refuse(
        'store_unavailable',
        'a manifest in the archive of the audit log is another log’s',
        manifest.origin,
      );
    yield { month, manifest, keptUntilMs: logKeptUntilMs(manifest.newest) };
  }
}
