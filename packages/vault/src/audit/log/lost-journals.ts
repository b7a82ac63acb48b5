import { openRows } from '../rows.ts';
import { newestPeriod } from './log-ground.ts';
import type { Segments } from './segments.ts';
import { writerOf } from './journal-lines.ts';

/**
 * Writers of which entries were sealed here, and whose journal is not the one that is here now: with it went whatever was not
 * sealed of it.
 *
 * @param journal the file
 * @throws Refusal `store_unavailable`, `audit_unavailable`, `journal_broken`
 */
export async function lostJournals(segments: Segments, journal: string): Promise<readonly string[]> {
  const rows = openRows(journal);
  try {
    const present = await writerOf(rows);
    const sealed = (await (await newestPeriod(segments))?.throughs()) ?? [];
    return sealed.map(({ writer }) => writer).filter((writer) => writer !== present);
  } finally {
    rows.close();
  }
}
