import { chmodSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { refuse, Refusal } from '../refusal.ts';
import type { Batch } from './batch.ts';
import type { Trim } from './trim-mark.ts';

// The journal's own SQLite file: never main.db, so that its commits share no lock, no cache and no fate with it.
// Loaded by the commit worker too: it imports nothing that holds a key.

const schema = `
  CREATE TABLE IF NOT EXISTS batches (
    n INTEGER PRIMARY KEY, writer TEXT NOT NULL, boot INTEGER NOT NULL, first INTEGER NOT NULL,
    count INTEGER NOT NULL, prev BLOB NOT NULL, digest BLOB NOT NULL, payload BLOB NOT NULL
  ) STRICT;
  PRAGMA user_version = 1;`;

/**
 * Make sure that the file is there, ours alone (0600) and of a form that we know.
 *
 * @throws Refusal `journal_broken` when it is no journal, `audit_unavailable` when the disk refuses
 */
export function prepareFile(path: string): void {
  try {
    const fresh = !existsSync(path);
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    using db = connect(path);
    const version = db.prepare('PRAGMA user_version').get()?.user_version;
    if (version === 0) db.exec(schema);
    else if (version !== 1)
      throw refuse('journal_broken', 'this journal was written by another version', path);
    if (fresh) syncDirectory(dirname(path));
  } catch (error) {
    throw fileRefusal(path, error);
  }
}

/** Open for appending. `FULL`: a commit that returned is on the disk; WAL alone would lose it with the power. */
export function connect(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 100 });
  try {
    db.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;
       PRAGMA secure_delete = ON`,
    );
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/**
 * Commit something that changes nothing. A file on a full disk opens, so after a failed commit opening alone would show
 * the journal as well again, and whoever asks for its health would be told so between any two failures.
 */
export function proveWritable(db: DatabaseSync): void {
  const version = db.prepare('PRAGMA user_version').get()?.user_version;
  db.exec(`PRAGMA user_version = ${Number(version)}`);
}

/** A prepared append: one row, one commit, on the disk when it returns. */
export function appender(db: DatabaseSync): (batch: Batch) => void {
  const insert = db.prepare('INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
  return ({ n, writer, boot, first, count, prev, digest, payload }) => {
    insert.run(n, writer, boot, first, count, prev, digest, payload);
  };
}

/** A prepared trim: the mark in place of its batch, and rows before it gone, one commit; what was removed is overwritten. */
export function trimmer(db: DatabaseSync): (trim: Trim) => void {
  const put = db.prepare('UPDATE batches SET payload = ? WHERE n = ? AND digest = ?');
  const remove = db.prepare('DELETE FROM batches WHERE n < ?');
  return ({ mark: { n, digest, payload }, isLast }) => {
    db.exec('BEGIN IMMEDIATE');
    try {
      if (put.run(payload, n, digest).changes === 1) remove.run(n);
      db.exec('COMMIT');
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK');
      throw error;
    }
    // The write-ahead log keeps what it was given until it is written over.
    if (isLast) foldIn(db);
  };
}

/** Write what the write-ahead log holds into the file, and empty it, unless somebody reads. */
export function foldIn(db: DatabaseSync): void {
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
}

/** What the file's error means: damage, or a disk that does not answer. */
export function fileRefusal(path: string, error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const code = (error as { errcode?: number }).errcode;
  const detail = `${path}: ${String(error)}`;
  const corrupt = 11;
  const notADatabase = 26;
  if (code !== undefined && [corrupt, notADatabase].includes(code & 0xff))
    return refuse('journal_broken', 'the audit journal is damaged', detail, error);
  return refuse('audit_unavailable', 'the audit journal cannot be reached', detail, error);
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
