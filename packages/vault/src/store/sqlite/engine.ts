import { cutPage, holds, type Change, type Engine } from '../engine.ts';
import { specOf } from '../item-rules.ts';
import type { TableName } from '../spec.ts';
import { busyMs, type Database } from './open-database.ts';
import { iterated, rowStore, type RowStore } from './rows.ts';
import { quoted } from './schema.ts';
import { spanSql } from './span-sql.ts';
import { asking } from './sqlite-error.ts';

// The engine of the SQLite adapter. Everything is synchronous, so nothing comes between a condition and its write;
// `BEGIN IMMEDIATE` keeps other processes out as well.

/** Every this many writes to a table with a TTL, some of its expired rows are deleted: more than those writes can add. */
const sweepEvery = 32;

/** No disk takes longer for one commit. */
const commitMsMax = 1000;

/** Rows in an open and migrated database. */
export function sqliteEngine({ db, journal }: Database): Engine {
  const rows = rowStore(db);
  const sync = syncMode(db, journal);
  const sweepDue = sweepTurns();
  const change = ({ act, table, row }: Change): void => {
    if (act === 'put') rows.put(table, row);
    else if (act === 'remove') rows.remove(table, row);
  };
  const changeAll = (changes: readonly Change[], nowSeconds: number): number | undefined => {
    const lost = changes.findIndex(
      ({ table, row, condition }) =>
        condition !== undefined && !holds(condition, rows.get(table, row), nowSeconds),
    );
    if (lost === -1) for (const one of changes) change(one);
    return lost === -1 ? undefined : lost;
  };

  return {
    get: (table, key) => asking(() => rows.get(table, key)),
    apply(changes, nowSeconds) {
      return asking(() => {
        sync(changes.some(({ act, table }) => act !== 'check' && specOf(table).durability === 'full'));
        const due = sweepDue(changes);
        const [only, ...others] = changes;
        // One statement is a transaction of its own.
        if (only !== undefined && others.length === 0 && only.condition === undefined && due.length === 0) {
          change(only);
          return undefined;
        }
        return inTransaction(db, () => {
          const lost = changeAll(changes, nowSeconds);
          if (lost === undefined) for (const table of due) rows.sweep(table, nowSeconds);
          return lost;
        });
      });
    },
    fill(table, filled) {
      return asking(() => {
        sync(true);
        inTransaction(db, () => {
          for (const row of filled) rows.put(table, row);
          return undefined;
        });
      });
    },
    // Waiting for another process that writes, and the commit.
    writeMsMax: busyMs + commitMsMax,
    ...readsOf(rows),
    close() {
      if (db.isOpen) asking(() => db.close());
    },
  };
}

function readsOf(rows: RowStore): Pick<Engine, 'read' | 'scan'> {
  return {
    read(table, span) {
      const { text, values } = spanSql(table, span);
      return asking(() => cutPage(iterated(rows.prepared(text).iterate(...values)), span.limit));
    },
    scan(table, limit, after) {
      const from = after === undefined ? '' : 'WHERE (k_pk, k_sk) > (?, ?)';
      const statement = `SELECT k_pk, k_sk, rev, ttl, doc FROM ${quoted(table)} ${from} ORDER BY k_pk, k_sk LIMIT ?`;
      const values = after === undefined ? [limit + 1] : [after.pk, after.sk, limit + 1];
      return asking(() => cutPage(iterated(rows.prepared(statement).iterate(...values)), limit));
    },
  };
}

// Which tables have had so many writes that some of their expired rows are to go with this one.
function sweepTurns(): (changes: readonly Change[]) => readonly TableName[] {
  const writes = new Map<TableName, number>();
  return (changes) => {
    const due: TableName[] = [];
    for (const { act, table } of changes) {
      if (act !== 'put' || specOf(table).ttl === undefined) continue;
      const count = (writes.get(table) ?? 0) + 1;
      writes.set(table, count % sweepEvery);
      if (count === sweepEvery) due.push(table);
    }
    return due;
  };
}

function inTransaction(db: Database['db'], work: () => number | undefined): number | undefined {
  db.exec('BEGIN IMMEDIATE');
  try {
    const lost = work();
    db.exec(lost === undefined ? 'COMMIT' : 'ROLLBACK');
    return lost;
  } catch (error) {
    // SQLite has rolled back already after some errors (sqlite.org/lang_transaction.html §3).
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

// `NORMAL` is safe against corruption with a write-ahead log only; with a rollback journal every commit is `FULL`.
function syncMode(db: Database['db'], journal: Database['journal']): (full: boolean) => void {
  let isFull = true;
  return (full) => {
    if (journal === 'exclusive' || full === isFull) return;
    db.exec(full ? 'PRAGMA synchronous=FULL' : 'PRAGMA synchronous=NORMAL');
    isFull = full;
  };
}
