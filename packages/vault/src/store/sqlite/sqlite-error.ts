import { Refusal, refuse } from '../../refusal.ts';

// What SQLite says, in our words. Its messages name tables, columns and files, never values; they go to the log only.

/** Primary result codes of SQLite (sqlite.org/rescode.html) whose message helps whoever operates the store. */
const messages: Readonly<Record<number, string>> = {
  5: 'the database is locked by another process',
  6: 'the database is locked by another process',
  8: 'the database cannot be written to',
  10: 'the disk under the database does not answer',
  11: 'the database file is damaged',
  13: 'the disk under the database is full',
  14: 'the database file cannot be opened',
  26: 'the database file is not a database',
};

/** SQLite's primary result code; `undefined` when the error is not SQLite's. */
export function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined;
  return error.errcode & 0xff;
}

/**
 * Run what talks to SQLite.
 *
 * @throws Refusal `store_unavailable` for everything SQLite throws, and for a database that is closed; other errors as they are
 */
export function asking<V>(work: () => V): V {
  try {
    return work();
  } catch (error) {
    throw translated(error);
  }
}

function translated(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error;
  const code = sqliteCode(error);
  if (code !== undefined)
    return refuse(
      'store_unavailable',
      messages[code] ?? 'the database does not answer',
      `SQLite ${String((error as Error & { errcode?: number }).errcode)}: ${error.message}`,
      error,
    );
  // node:sqlite's own error for a closed database or a statement of one.
  if ('code' in error && error.code === 'ERR_INVALID_STATE')
    return refuse('store_unavailable', 'the database is closed', error.message, error);
  return error;
}
