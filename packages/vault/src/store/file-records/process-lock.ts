import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { refuse } from '../../refusal.ts';
import { oneBehindTheOther } from '../in-turn.ts';
import { sqliteCode } from '../sqlite/sqlite-error.ts';

// One writer at a time, of all processes. Node has no lock on files; SQLite has one that the kernel drops with its process,
// however that ends. Nothing is ever written to the database.

/** A lock that processes share. */
export interface ProcessLock {
  /**
   * Work while nobody else does.
   *
   * @throws Refusal `store_unavailable` when others hold the lock for ten seconds
   */
  alone<V>(work: () => Promise<V>): Promise<V>;
  close(): void;
}

const waitMsMax = 10_000;
const pauseMsMax = 8;
const busyCodes = [5, 6];

/** @throws Refusal `store_unavailable` when the file cannot be made or read */
export function processLock(file: string): ProcessLock {
  const db = opened(file);
  // Within the process it is one after the other; only the first of the line asks for the lock.
  const inTurn = oneBehindTheOther();
  const held = async <V>(work: () => Promise<V>): Promise<V> => {
    await take(db);
    try {
      return await work();
    } finally {
      db.exec('ROLLBACK');
    }
  };
  return {
    alone: (work) => inTurn(() => held(work)),
    close() {
      if (db.isOpen) db.close();
    },
  };
}

function opened(file: string): DatabaseSync {
  try {
    const db = new DatabaseSync(file, { timeout: 0 });
    chmodSync(file, 0o600);
    return db;
  } catch (error) {
    throw refuse('store_unavailable', 'the lock of the records cannot be opened', String(error), error);
  }
}

async function take(db: DatabaseSync): Promise<void> {
  const untilMs = performance.now() + waitMsMax;
  for (;;) {
    try {
      db.exec('PRAGMA journal_mode=MEMORY; BEGIN EXCLUSIVE');
      return;
    } catch (error) {
      const code = sqliteCode(error);
      if (code === undefined || !busyCodes.includes(code) || performance.now() > untilMs)
        throw refuse('store_unavailable', 'the records cannot be locked', String(error), error);
    }
    await sleep(1 + Math.random() * pauseMsMax);
  }
}
