import { chmodSync, closeSync, existsSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { refuse } from '../../refusal.ts';
import { onNetworkMount } from './network-mount.ts';
import { asking } from './sqlite-error.ts';

// One way to open a database file, for the tables and for whoever else keeps one. Files are 0600, for SQLite gives
// its log, shared memory and journal the mode of the database file.

/** Where and how a database lies. */
export interface DatabaseOptions {
  readonly file: string;
  /** `undefined`: found out from the file system. `true`: this process alone, without shared memory. */
  readonly networkMount?: boolean | undefined;
}

/** An open database. */
export interface Database {
  readonly db: DatabaseSync;
  /** `wal`: write-ahead log, readers beside the writer. `exclusive`: this process alone, with a rollback journal. */
  readonly journal: 'wal' | 'exclusive';
}

/** So long a process waits for another one that writes. */
export const busyMs = 2000;

/**
 * Open the file, made with mode 0600 in a directory of mode 0700 when it is not there. Deleted content is
 * overwritten (`secure_delete`) and every commit waits for the disk (`synchronous=FULL`) until the caller says otherwise.
 *
 * @throws Refusal `store_unavailable`
 */
export function openDatabase({ file, networkMount }: DatabaseOptions): Database {
  prepareFile(file);
  const journal = (networkMount ?? onNetworkMount(dirname(file))) ? 'exclusive' : 'wal';
  const db = asking(() => new DatabaseSync(file, { timeout: busyMs, allowExtension: false }));
  try {
    asking(() => setUp(db, journal));
  } catch (error) {
    db.close();
    throw error;
  }
  return { db, journal };
}

function prepareFile(file: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // An existing file is never opened here: closing any descriptor of it drops this process's POSIX locks on it.
    if (existsSync(file)) chmodSync(file, 0o600);
    else closeSync(openSync(file, 'a', 0o600));
  } catch (error) {
    throw refuse('store_unavailable', 'the database file cannot be made', String(error), error);
  }
}

function setUp(db: DatabaseSync, journal: Database['journal']): void {
  // Before the first access, so that a write-ahead log left by another mode is read without shared memory.
  if (journal === 'exclusive') db.exec('PRAGMA locking_mode=EXCLUSIVE');
  // `truncate`, not `persist`: a kept journal would keep what was deleted.
  const wanted = journal === 'wal' ? 'wal' : 'truncate';
  const got = db.prepare(`PRAGMA journal_mode=${wanted}`).get()?.['journal_mode'];
  if (got !== wanted)
    throw refuse(
      'store_unavailable',
      'the database file cannot be opened',
      `journal_mode is ${String(got)}, not ${wanted}`,
    );
  db.exec(`
    PRAGMA secure_delete=ON;
    PRAGMA trusted_schema=OFF;
    PRAGMA cell_size_check=ON;
    PRAGMA temp_store=MEMORY;
    PRAGMA fullfsync=ON;
    PRAGMA checkpoint_fullfsync=ON;
    PRAGMA synchronous=FULL;
  `);
}
