import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { getuid, platform } from 'node:process';
import { DatabaseSync } from 'node:sqlite';
import { refuse } from '../../refusal.ts';
import { sqliteCode } from './sqlite-error.ts';

// One process at a time owns a data directory. The lock is an exclusive transaction on a database of its own, so the
// kernel drops it with the process, however that ends. Never open `lock.db` by other means in the owning process:
// closing any descriptor of a file drops the process's POSIX locks on it (fcntl(2)).

/** A data directory that this process owns. */
export interface ClaimedDirectory {
  /** Give it back. Does nothing the second time. */
  release(): void;
}

/**
 * Own the directory for the life of the process; made with mode 0700 when it is not there.
 *
 * @throws Refusal `data_directory_unsafe` when it is somebody else's, or others may read or write it; `data_directory_in_use`
 *   at once when another process (or this one, elsewhere) owns it; `store_unavailable` when the lock cannot be taken otherwise
 */
export function claimDirectory(directory: string): ClaimedDirectory {
  makeDirectory(directory);
  const db = lock(join(directory, 'lock.db'));
  return {
    release() {
      if (db.isOpen) db.close();
    },
  };
}

/**
 * Make a directory of mode 0700 unless it is there.
 *
 * @throws Refusal `data_directory_unsafe` when it is somebody else's, or others may read or write it; `store_unavailable` when
 *   it cannot be made
 */
export function makeDirectory(directory: string): void {
  try {
    if (!existsSync(directory)) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
    }
    checkSafe(directory);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error)
      throw refuse('store_unavailable', 'the data directory cannot be made or read', String(error), error);
    throw error;
  }
}

function checkSafe(directory: string): void {
  const { mode, uid } = statSync(directory);
  // Windows has neither modes nor user ids.
  if (platform === 'win32') return;
  if (uid !== getuid?.())
    throw refuse(
      'data_directory_unsafe',
      'the data directory belongs to another user',
      `${directory} belongs to user ${uid}`,
    );
  if ((mode & 0o077) !== 0)
    throw refuse(
      'data_directory_unsafe',
      'other users can read or write the data directory; set its mode to 0700',
      `${directory} has mode 0${(mode & 0o777).toString(8)}`,
    );
}

function lock(file: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file, { timeout: 0 });
    db.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
    chmodSync(file, 0o600);
    return db;
  } catch (error) {
    if (db?.isOpen === true) db.close();
    const code = sqliteCode(error);
    if (code === 5 || code === 6)
      throw refuse(
        'data_directory_in_use',
        'another process uses this data directory',
        `${file} is locked`,
        error,
      );
    throw refuse('store_unavailable', 'the data directory cannot be locked', String(error), error);
  }
}
