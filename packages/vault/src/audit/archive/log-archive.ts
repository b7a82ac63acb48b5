import { shardFolder } from '../../audit-verify/layout.ts';
import type { ArchivedFiles } from '../log/published-files.ts';
import { archiveMonths, type ArchiveMonthsParts } from './archive-months.ts';
import { archiveNames, monthOfShard } from './archive-names.ts';
import { archivedLogs, archivedMonths, expireLogs, type ArchivedLog } from './expire-logs.ts';
import { readBlob } from './read-blob.ts';

/** What a run of the archive did. */
export interface ArchiveRun {
  /** Months that went into the archive, such as `202611`. */
  readonly archived: readonly string[];
  /** Origins of logs that left it for good. */
  readonly expired: readonly string[];
}

/** Months of the sealed log that are not at hand any more. */
export interface LogArchive extends ArchivedFiles {
  /**
   * Archive what is old enough, and remove what need not be kept any more.
   *
   * @throws Refusal `store_unavailable`, and what `noted` throws; it may be tried again
   */
  run(): Promise<ArchiveRun>;
  /** Every log in the archive, by month. */
  logs(): AsyncGenerator<ArchivedLog>;
}

/** A tile, a bundle of entries or a checkpoint has no more bytes (C2SP tlog-tiles). */
const fileBytesMax = 17_000_000;

/** What strangers may read of a log. */
const publicFile = /^(checkpoint|tile\/[\da-z/.]+)$/;

/** The archive of a sealed log. */
export function openLogArchive(parts: ArchiveMonthsParts): LogArchive {
  const { archive, segments, identity } = parts;
  const names = archiveNames(identity.deployment);
  const logs: LogArchive['logs'] = async function* () {
    for await (const month of archivedMonths(archive, names)) yield* archivedLogs(archive, names, month);
  };
  return {
    logs,
    async run() {
      const archived = await archiveMonths(parts);
      const expired = await expireLogs({ ...parts, hot: await segments.periods() });
      return { archived, expired };
    },
    async *folders() {
      for await (const { manifest } of logs()) {
        const { scope, shard, pieces } = manifest;
        const files = pieces.map(({ path }) => path).filter((path) => publicFile.test(path));
        yield { folder: shardFolder({ scope, month: shard }), files };
      }
    },
    async read(path) {
      const [, scope, shard, file] = /^logs\/([^/]+)\/(\d{6}(?:-\d+)?)\/(.+)$/.exec(path) ?? [];
      if (scope === undefined || shard === undefined || file === undefined || !publicFile.test(file))
        return undefined;
      const { piece } = names.log(monthOfShard(shard), { scope, shard });
      return readBlob(archive, piece(file), fileBytesMax);
    },
  };
}
