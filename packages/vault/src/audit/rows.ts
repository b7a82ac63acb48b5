import { DatabaseSync } from 'node:sqlite';
import { refuse, type Refusal } from '../refusal.ts';
import type { Batch } from './batch.ts';
import { fileRefusal } from './journal-file.ts';

/** At once from a file, later from a database elsewhere. */
export type Soon<V> = V | Promise<V>;

/** Rows of the journal as they lie, unchecked. */
export interface Rows {
  /** `undefined` when there is no such row. */
  at(n: number): Soon<Batch | undefined>;
  /** The last row; `undefined` for an empty journal. */
  last(): Soon<Batch | undefined>;
  /** Rows from `n` on, `n` included, at most 64 of them, or `max`; downwards when `descending`. */
  from(n: number, descending: boolean, max?: number): Soon<Batch[]>;
  close(): void;
}

const columns = 'n, writer, boot, first, count, prev, digest, payload';

/**
 * Open the file for reading only.
 *
 * @throws Refusal `audit_unavailable`, `journal_broken`; so do the methods
 */
export function openRows(path: string): Rows {
  const guarded = <R>(read: () => R): R => {
    try {
      return read();
    } catch (error) {
      throw misshapen(error) ? damaged(String(error), error) : fileRefusal(path, error);
    }
  };
  return guarded(() => {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 1000 });
    try {
      refuseOtherForm(db);
      const up = db.prepare(`SELECT ${columns} FROM batches WHERE n >= ? ORDER BY n LIMIT ?`);
      const down = db.prepare(`SELECT ${columns} FROM batches WHERE n <= ? ORDER BY n DESC LIMIT ?`);
      const last = db.prepare(`SELECT ${columns} FROM batches ORDER BY n DESC LIMIT 1`);
      const at = db.prepare(`SELECT ${columns} FROM batches WHERE n = ?`);
      return {
        at: (n) => guarded(() => rowOf(at.get(n))),
        last: () => guarded(() => rowOf(last.get())),
        from: (n, descending, max = 64) =>
          guarded(() => (descending ? down : up).all(n, max).map((row) => rowOf(row)!)),
        close: () => db.close(),
      };
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

// One table and nothing else: a trigger could delete what was just written, and a view show rows that are not there.
function refuseOtherForm(db: DatabaseSync): void {
  const found = db.prepare('SELECT type, name FROM sqlite_schema').all();
  const known = found.length === 1 && found[0]?.type === 'table' && found[0].name === 'batches';
  if (!known) throw damaged(`it holds ${JSON.stringify(found)}`);
}

/** A file that opens and is no journal: other columns, or numbers that no journal reaches. */
function misshapen(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false;
  const sqliteError = 1;
  return error.code === 'ERR_OUT_OF_RANGE' || ('errcode' in error && error.errcode === sqliteError);
}

function damaged(detail: string, cause?: unknown): Refusal {
  return refuse('journal_broken', 'the audit journal is damaged', detail, cause);
}

function rowOf(row: Record<string, unknown> | undefined): Batch | undefined {
  if (row === undefined) return undefined;
  const { n, writer, boot, first, count, prev, digest, payload } = row;
  const numbers = [n, boot, first, count].every((value) => Number.isSafeInteger(value));
  const blobs = [prev, digest, payload].every((value) => value instanceof Uint8Array);
  if (!numbers || !blobs || typeof writer !== 'string')
    throw damaged(`row ${String(n)} has a value of another type`);
  return row as unknown as Batch;
}
