import type { NamedRows } from '../merged-pages.ts';
import { nothingOf, stillHas } from './journal-lines.ts';
import type { SealedThrough } from './segments.ts';

/**
 * How much of each journal is sealed, by writer. A journal that is not among them is not sealed at all. Of one that lacks what
 * was sealed of it, because it came back from a backup, it is nothing (`entry` 0): what it has is sealed anew, and may stand in
 * the log as well until then.
 */
export type Seams = ReadonlyMap<string, SealedThrough>;

/**
 * Look at the journals that there are.
 *
 * @param sealed as the newest period says
 * @throws Refusal `audit_unavailable`, `journal_broken`
 */
export async function seamsOf(
  journals: readonly NamedRows[],
  sealed: readonly SealedThrough[],
): Promise<Seams> {
  const byWriter = new Map(sealed.map((through) => [through.writer, through]));
  const seams = new Map<string, SealedThrough>();
  await Promise.all(
    journals.map(async ({ writer, rows }) => {
      const through = byWriter.get(writer);
      if (through !== undefined)
        seams.set(writer, (await stillHas(rows, through)) ? through : nothingOf(writer));
    }),
  );
  return seams;
}
