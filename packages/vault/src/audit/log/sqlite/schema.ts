import type { DatabaseSync } from 'node:sqlite';
import { refuse } from '../../../refusal.ts';
import { openDatabase, type DatabaseOptions } from '../../../store/sqlite/open-database.ts';
import { asking } from '../../../store/sqlite/sqlite-error.ts';
import { callFlags } from '../../leaf/call-flags.ts';
import { tagNames } from '../../leaf/log-keys.ts';

// The form of a file, by its `user_version`: 0 is one that was made and never begun. A period and the root log have the
// tables of a log in common.

const form = 3;

const logs = `
  CREATE TABLE logs (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, shard TEXT NOT NULL, size INTEGER NOT NULL, frontier BLOB NOT NULL,
    closed INTEGER NOT NULL, noted INTEGER NOT NULL DEFAULT 0, note TEXT, UNIQUE (scope, shard)
  ) STRICT;
  CREATE INDEX unnoted ON logs (id) WHERE noted < size;
  CREATE TABLE slices (
    log INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL, packed INTEGER NOT NULL, leaves BLOB NOT NULL,
    bodies BLOB, PRIMARY KEY (log, first)
  ) STRICT;
  CREATE TABLE tiles (
    log INTEGER NOT NULL, level INTEGER NOT NULL, ix INTEGER NOT NULL, hashes BLOB NOT NULL, PRIMARY KEY (log, level, ix)
  ) STRICT, WITHOUT ROWID;`;

/** What a month's file is made with. */
export const periodTables = `${logs}
  CREATE TABLE events (
    log INTEGER NOT NULL, ts INTEGER NOT NULL, ix INTEGER NOT NULL, flags INTEGER NOT NULL, end_ix INTEGER,
    end_after INTEGER, id BLOB NOT NULL, cause BLOB, ${tagNames.map((name) => `tag_${name} INTEGER`).join(', ')},
    PRIMARY KEY (log, ts, ix)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX of_actor ON events (log, tag_actor, ts) WHERE tag_actor IS NOT NULL;
  CREATE INDEX in_hours ON events (log, ts) WHERE flags & ${callFlags.hours};
  CREATE INDEX unsuccessful ON events (log, ts) WHERE flags & ${callFlags.unsuccessful};
  CREATE INDEX of_tokens ON events (log, ts) WHERE flags & ${callFlags.token};
  CREATE INDEX caused ON events (log, ts) WHERE cause IS NOT NULL;
  CREATE TABLE ends (scope TEXT PRIMARY KEY, shard TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT;
  CREATE TABLE sealed_through (
    writer TEXT PRIMARY KEY, batch INTEGER NOT NULL, digest BLOB NOT NULL, entry INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE held (seq INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, sealed BLOB NOT NULL) STRICT;`;

/** What the file of the root log is made with. */
export const rootTables = `${logs}
  CREATE TABLE stated (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE secrets (scope TEXT PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
  CREATE TABLE made (mark TEXT NOT NULL) STRICT;
  INSERT INTO made VALUES (lower(hex(randomblob(6))));`;

/** An open file. */
export interface LogFile {
  readonly db: DatabaseSync;
  /** Whether a commit can leave it to a later one to reach the disk. */
  readonly lazy: boolean;
}

/**
 * Open a file of the log.
 *
 * @throws Refusal `store_unavailable`, also for a file that another version has written
 */
export function openLogFile(options: DatabaseOptions): LogFile {
  const { db, journal } = openDatabase(options);
  try {
    const found = versionOf(db);
    if (found !== 0 && found !== form)
      throw refuse('store_unavailable', 'the audit log was written by another version', options.file);
    return { db, lazy: journal === 'wal' };
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Whether the file's tables were made. */
export function hasBegun({ db }: LogFile): boolean {
  return versionOf(db) === form;
}

/** Make the tables, and whatever else belongs to a beginning, at once. */
export function beginFile({ db }: LogFile, tables: string, fill: () => void = () => undefined): void {
  whole(db, () => {
    if (versionOf(db) === form) return;
    db.exec(tables);
    fill();
    db.exec(`PRAGMA user_version = ${form}`);
  });
}

/** Do it as one transaction. What it throws undoes it. */
export function whole<V>(db: DatabaseSync, work: () => V): V {
  return asking(() => {
    db.exec('BEGIN IMMEDIATE');
    try {
      const value = work();
      db.exec('COMMIT');
      return value;
    } catch (error) {
      // SQLite has rolled back already after some errors (sqlite.org/lang_transaction.html §3).
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
  });
}

function versionOf(db: DatabaseSync): number {
  return asking(() => Number(db.prepare('PRAGMA user_version').get()?.['user_version']));
}
