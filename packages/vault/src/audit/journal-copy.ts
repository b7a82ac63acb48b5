import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, open, rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { fileRefusal } from './journal-file.ts';

/**
 * Copy a journal as it stands, while a process may be writing it. The copy is whole, 0600 and on the disk when it resolves; a
 * file that is there already stays.
 *
 * @returns whether there was a journal to copy and no file in its place
 * @throws Refusal `audit_unavailable`, `journal_broken` when it is no database
 */
export async function copyJournal(from: string, to: string): Promise<boolean> {
  if (!existsSync(from) || existsSync(to)) return false;
  const draft = `${to}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    // Made beforehand, so that its mode is ours: SQLite takes an empty file for a new one.
    await (await open(draft, 'wx', 0o600)).close();
    vacuumInto(from, draft);
    const handle = await open(draft, 'r+');
    await handle.sync().finally(() => handle.close());
    // A link, not a rename: it fails when the name is taken.
    await link(draft, to);
    return true;
  } catch (error) {
    throw fileRefusal(from, error);
  } finally {
    await rm(draft, { force: true });
  }
}

function vacuumInto(from: string, draft: string): void {
  const db = new DatabaseSync(from, { readOnly: true, timeout: 2000 });
  try {
    db.prepare('VACUUM INTO ?').run(draft);
  } finally {
    db.close();
  }
}
