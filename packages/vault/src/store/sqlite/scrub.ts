import { setImmediate as turn } from 'node:timers/promises';
import type { TableName } from '../spec.ts';
import type { Database } from './open-database.ts';
import { quoted } from './schema.ts';
import { asking } from './sqlite-error.ts';

// `secure_delete` overwrites what is deleted where it lies, and a page that is freed. It does not overwrite the copies that
// are left in a page when its rows were spread over several: of a thousand deleted rows of a table that grew and shrank,
// some can still be read in the file. So every row that stays is moved to the end of its table, a few at a time; the pages
// it lay in are freed one by one, and overwritten. Unlike VACUUM this holds nobody up for longer than one step.

/** Rows moved in one transaction. */
const rowsPerStep = 100;

/**
 * Move every row of these tables to fresh pages. What was deleted from them is in no page of the file afterwards; it may
 * still be in the write-ahead log.
 *
 * @returns how many rows were moved
 * @throws Refusal `store_unavailable`
 */
export async function scrubTables({ db }: Database, tables: readonly TableName[]): Promise<number> {
  let moved = 0;
  for (const table of tables) {
    const last = asking(() => numberIn(db, `SELECT max(rowid) AS n FROM ${quoted(table)}`));
    for (let from = 0; from < last;) {
      const step = asking(() => moveStep(db, table, from, last));
      if (step === undefined) break;
      ({ to: from } = step);
      moved += step.rows;
      await turn();
    }
  }
  return moved;
}

// Row numbers say nothing to anybody else: keys, revisions and items stay as they are.
function moveStep(
  db: Database['db'],
  table: TableName,
  from: number,
  last: number,
): { readonly to: number; readonly rows: number } | undefined {
  const name = quoted(table);
  db.exec('BEGIN IMMEDIATE');
  try {
    const to = numberIn(
      db,
      `SELECT max(rowid) AS n FROM (SELECT rowid FROM ${name} WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ${rowsPerStep})`,
      from,
      last,
    );
    const end = numberIn(db, `SELECT max(rowid) AS n FROM ${name}`);
    const move = db.prepare(`UPDATE ${name} SET rowid = rowid - ? + ? WHERE rowid > ? AND rowid <= ?`);
    const rows = to === 0 ? 0 : Number(move.run(from, end, from, to).changes);
    db.exec('COMMIT');
    return to === 0 ? undefined : { to, rows };
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}

function numberIn(db: Database['db'], text: string, ...values: number[]): number {
  return Number(db.prepare(text).get(...values)?.['n'] ?? 0);
}
