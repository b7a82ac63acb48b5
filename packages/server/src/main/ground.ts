import { join } from 'node:path';
import {
  claimDirectory,
  openAudit,
  openConnections,
  openJournal,
  openSealer,
  sealedTables,
  type Archive,
  type Audit,
  type ConnectionRows,
  type FillableTables,
  type Journal,
  type OpenedSealer,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import { ensureLocalAdministrator, type Membership } from '../domain/people.ts';
import { openUpstreams, type Upstreams } from '../domain/upstreams.ts';
import type { Log } from '../log.ts';
import { openArchive } from './archive.ts';
import { openDatabase, type DatabaseState } from './database.ts';
import { openRootKey } from './root-key.ts';

/** What everything stands on: one data directory, opened by one process, and the tables in it or beside it. */
export interface Ground {
  readonly tables: FillableTables;
  readonly examineDatabase: () => Promise<DatabaseState>;
  /** Blobs; what must not be read is sealed before. */
  readonly archive: Archive;
  readonly sealer: OpenedSealer;
  readonly journal: Journal;
  readonly audit: Audit;
  readonly connections: ConnectionRows;
  readonly upstreams: Upstreams;
  /** The person who runs this process, and their group. */
  readonly administrator: Membership;
  /** Flush the journal, wipe the keys, close the files and give the directory back. */
  close(): Promise<void>;
}

/**
 * Open the data directory, from the bottom up; what was opened is closed again when a later step fails.
 *
 * @throws Refusal `config_invalid`, `data_directory_in_use`, `data_directory_unsafe`, `key_unavailable`, `key_weak`, `journal_broken`, `store_insecure`, `store_unavailable`
 */
export async function openGround(config: AppConfig, log: Log, now: () => number): Promise<Ground> {
  // Whatever this process makes is for its owner only, SQLite's side files and the children's own files included.
  process.umask(0o077);
  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const directory = claimDirectory(config.dataDirectory);
    closers.push(() => directory.release());
    const { tables, examine } = await openDatabase(config.database, config.dataDirectory, now);
    closers.push(() => tables.close());
    const archive = await openArchive(config, log);
    closers.push(() => archive.close());
    const provider = await openRootKey(config.keys, config.dataDirectory, tables, now);
    closers.push(() => provider.close());
    const sealer = await openSealer({ tables, provider, now });
    closers.push(() => sealer.close());
    const failed = (refusal: { code: string; message: string; detail: string | undefined }): void =>
      log.error({ code: refusal.code, detail: refusal.detail }, refusal.message);
    const journal = await openJournal({
      path: join(config.dataDirectory, 'journal.db'),
      sealer,
      now,
      failed,
    });
    closers.push(() => journal.close());
    return {
      tables,
      examineDatabase: examine,
      archive,
      sealer,
      journal,
      audit: openAudit({ journal, failed }),
      connections: openConnections(sealedTables(tables, sealer), now),
      administrator: await ensureLocalAdministrator(tables, now),
      upstreams: await openUpstreams({
        tables,
        now,
        mark: (text) => sealer.blind('mcp_servers', text),
        foreign: (serverId) =>
          log.error({ serverId }, 'an upstream was changed outside of the gateway and is left out'),
      }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
