import { refuse } from '../../refusal.ts';
import { tablesOnEngine, type FillableTables, type FrontOptions } from '../tables-on-engine.ts';
import { sqliteEngine } from './engine.ts';
import { migrate } from './migrations.ts';
import type { TableName } from '../spec.ts';
import { openDatabase, type Database, type DatabaseOptions } from './open-database.ts';
import { scrubTables } from './scrub.ts';
import { asking } from './sqlite-error.ts';

// Tables in one SQLite file. Calls answer at once: a page is bounded by rows and bytes, so none holds the process up for long.

/** Where the tables lie and how they are kept. */
export type SqliteTablesOptions = DatabaseOptions & FrontOptions;

/** Tables in a file. */
export interface SqliteTables extends FillableTables {
  /**
   * Move every write into the database file and empty the write-ahead log, where deleted content otherwise stays
   * until the log is used again. After shredding keys, and before a copy of the file.
   *
   * @throws Refusal `store_unavailable`, also when a reader in another process holds the log
   */
  truncateLog(): void;
  /**
   * Leave nothing in the file, nor in its log, of what was deleted from these tables: move the rows that stay to fresh
   * pages, a few at a time while others go on, and empty the log.
   *
   * @returns how many rows were moved
   * @throws Refusal `store_unavailable`, also when a reader in another process holds the log
   */
  scrub(tables: readonly TableName[]): Promise<number>;
  /** What SQLite's own `quick_check` says of the file: `ok`, or the first faults. @throws Refusal `store_unavailable` */
  quickCheck(): string;
  /** How the file is written: with a log beside it, or alone (a network mount). */
  readonly journalMode: 'wal' | 'exclusive';
}

/**
 * Open the tables of a file; made when it is not there.
 *
 * @throws Refusal `store_unavailable`, also when a newer version wrote the file
 */
export function sqliteTables(options: SqliteTablesOptions): SqliteTables {
  const database = openDatabase(options);
  const { db } = database;
  try {
    asking(() => migrate(db));
  } catch (error) {
    db.close();
    throw error;
  }
  return {
    ...tablesOnEngine(sqliteEngine(database), options),
    truncateLog: () => asking(() => truncateLog(database)),
    async scrub(names) {
      const moved = await scrubTables(database, names);
      asking(() => truncateLog(database));
      return moved;
    },
    quickCheck: () => asking(() => quickCheck(database)),
    journalMode: database.journal,
  };
}

function truncateLog({ db, journal }: Database): void {
  if (journal === 'exclusive') return;
  const busy = db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()?.['busy'];
  if (busy !== 0)
    throw refuse('store_unavailable', 'the database is locked by another process', 'the log was not emptied');
}

function quickCheck({ db }: Database): string {
  const rows = db.prepare('PRAGMA quick_check(5)').all();
  return rows.map((row) => String(row['quick_check'])).join('; ');
}
