import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite';
import type { Row, TableKey } from '../engine.ts';
import type { TableName } from '../spec.ts';
import { quoted } from './schema.ts';

// Reading and writing single rows with statements that are prepared once.

/** Rows swept by one sweep at most. */
const sweepRows = 64;

/** Single rows of an open database. Methods throw errors of `node:sqlite`. */
export interface RowStore {
  /** The statement of this text, prepared at its first use. Its text must not be made from values. */
  prepared(text: string): StatementSync;
  get(table: TableName, key: TableKey): Row | undefined;
  put(table: TableName, row: Row): void;
  remove(table: TableName, key: TableKey): void;
  /** Delete a few rows of the table whose end has passed. */
  sweep(table: TableName, nowSeconds: number): void;
}

/** @param db open and migrated */
export function rowStore(db: DatabaseSync): RowStore {
  const statements = new Map<string, StatementSync>();
  const prepared = (text: string): StatementSync => {
    const statement = statements.get(text) ?? db.prepare(text);
    statements.set(text, statement);
    return statement;
  };
  return {
    prepared,
    get(table, { pk, sk }) {
      const found = prepared(
        `SELECT k_pk, k_sk, rev, ttl, doc FROM ${quoted(table)} WHERE k_pk = ? AND k_sk = ?`,
      ).get(pk, sk);
      return found === undefined ? undefined : rowOf(found);
    },
    put(table, { pk, sk, revision, ttlSeconds, json }) {
      prepared(
        `INSERT INTO ${quoted(table)} (k_pk, k_sk, rev, ttl, doc) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (k_pk, k_sk) DO UPDATE SET rev = excluded.rev, ttl = excluded.ttl, doc = excluded.doc`,
      ).run(pk, sk, revision ?? null, ttlSeconds ?? null, json);
    },
    remove(table, { pk, sk }) {
      prepared(`DELETE FROM ${quoted(table)} WHERE k_pk = ? AND k_sk = ?`).run(pk, sk);
    },
    sweep(table, nowSeconds) {
      const name = quoted(table);
      prepared(
        `DELETE FROM ${name} WHERE rowid IN (SELECT rowid FROM ${name} WHERE ttl IS NOT NULL AND ttl <= ? LIMIT ${sweepRows})`,
      ).run(nowSeconds);
    },
  };
}

/** A row as `node:sqlite` reads it. */
function rowOf(found: Record<string, SQLOutputValue>): Row {
  const { k_pk: pk, k_sk: sk, rev, ttl, doc } = found;
  return {
    pk: String(pk),
    sk: String(sk),
    revision: typeof rev === 'string' ? rev : undefined,
    ttlSeconds: typeof ttl === 'number' ? ttl : undefined,
    json: String(doc),
  };
}

/** Rows of a statement, read as they are asked for. */
export function* iterated(found: Iterable<Record<string, SQLOutputValue>>): Generator<Row> {
  for (const row of found) yield rowOf(row);
}
