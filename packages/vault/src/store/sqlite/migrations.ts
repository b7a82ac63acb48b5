import type { DatabaseSync } from 'node:sqlite';
import { refuse } from '../../refusal.ts';
import { createMissing } from './schema.ts';

// The number of a database file's form, in `PRAGMA user_version`. What the spec adds is made by `createMissing` and needs
// no number; a migration is for what changes its form. Append, never edit: files out there have run the older ones.

/** Changes a file from one number to the next. */
export type Migration = (db: DatabaseSync) => void;

/** Number 1 is the form made from the spec; the first entry leads to number 2. */
const migrations: readonly Migration[] = [];

/**
 * Bring the file to the form of this version, as a whole or not at all.
 *
 * @param steps the migrations; another list only in tests
 * @throws Refusal `store_unavailable` when a newer version wrote the file; errors of `node:sqlite`
 */
export function migrate(db: DatabaseSync, steps: readonly Migration[] = migrations): void {
  const current = steps.length + 1;
  db.exec('BEGIN IMMEDIATE');
  try {
    const found = Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
    if (found > current)
      throw refuse(
        'store_unavailable',
        'the database was written by a newer version of Sealgate; start that version, or restore a backup made before it',
        `form ${found}, this version knows ${current}`,
      );
    if (found > 0) for (const step of steps.slice(found - 1)) step(db);
    createMissing(db);
    if (found !== current) db.exec(`PRAGMA user_version=${current}`);
    db.exec('COMMIT');
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK');
    throw error;
  }
}
