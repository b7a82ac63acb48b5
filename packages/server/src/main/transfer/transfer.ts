import type { OnProgress } from '@sealgate/vault';
import type { AppConfig } from '../../config.ts';
import { exportData, type ExportChoices, type Exported } from './export-data.ts';
import { importData, type Imported, type ImportChoices } from './import-data.ts';
import type { Note } from './noted.ts';
import { migrateData, releaseData, type Migrated, type Released } from './migrate-data.ts';

/** Copying and moving the data that a configuration names. */
export interface Transfer {
  /** Write everything into a directory, or go on where that was interrupted. */
  exportTo(directory: string, choices: ExportChoices, progress: OnProgress): Promise<Exported>;
  /** Fill empty tables from such a directory, or go on where that was interrupted. */
  importFrom(directory: string, choices: ImportChoices, progress: OnProgress): Promise<Imported>;
  /** Move the tables to the other kind of database, or go on where that was interrupted. */
  migrateTo(kind: 'sqlite' | 'dynamodb', progress: OnProgress): Promise<Migrated>;
  /** End the freeze of an export or a move that is not to be finished, or is to be taken back. */
  release(): Promise<Released>;
}

/**
 * Open it; nothing is read yet.
 *
 * @param noteThere has the gateway that runs on the data directory write an entry
 * @param now milliseconds since 1970
 */
export function openTransfer(config: AppConfig, noteThere: Note, now: () => number = Date.now): Transfer {
  // Whatever is written here is for its owner only, SQLite's side files included.
  process.umask(0o077);
  return {
    exportTo: (directory, choices, progress) =>
      exportData({ config, now, progress, noteThere }, directory, choices),
    importFrom: (directory, choices, progress) =>
      importData({ config, now, progress, noteThere }, directory, choices),
    migrateTo: (kind, progress) => migrateData({ config, now, progress, noteThere }, kind),
    release: () => releaseData({ config, now }),
  };
}
