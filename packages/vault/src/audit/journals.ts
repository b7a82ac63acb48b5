import type { Sealer } from '../keys/sealer.ts';
import type { Journal, JournalReader } from './journal.ts';
import { readMerged, type NamedRows } from './merged-pages.ts';
import { openRows, type Rows } from './rows.ts';
import { verifyChain, type Anchor, type Verdict } from './verify.ts';

/** A journal that is written elsewhere, or by nobody any more. */
export interface OtherJournal extends NamedRows {
  /** What is remembered of it. */
  readonly anchors: readonly Anchor[];
}

/** The journal of this process, read together with the others of its deployment. */
export interface SharedJournal extends Journal {
  /** The journal of this process: 32 hexadecimal digits. */
  readonly writer: string;
  /** Batches of that one. */
  readonly rows: Rows;
  /**
   * Journals that this process may seal: its own, and now and then those that nobody writes. Any number of processes may: who
   * is late does nothing.
   *
   * @throws Refusal `audit_unavailable`
   */
  toSeal(): Promise<readonly Rows[]>;
  /** All journals that there are, this process's own first. @throws Refusal `audit_unavailable` */
  journals(): Promise<readonly NamedRows[]>;
}

/**
 * The journal in a file, read beside others.
 *
 * @returns none while it is empty
 * @throws Refusal `audit_unavailable`, `journal_broken`
 */
export async function journalBeside(path: string): Promise<readonly OtherJournal[]> {
  const rows = openRows(path);
  const last = await rows.last();
  if (last !== undefined) return [{ writer: last.writer, rows, anchors: [] }];
  rows.close();
  return [];
}

/**
 * Read several journals as one. Each keeps its own order; between them time decides, as far as clocks agree.
 *
 * @param own verifies the journal of this process
 * @param others as they are now
 */
export function sharedReader(
  own: NamedRows & Pick<JournalReader, 'verify'>,
  others: () => Promise<readonly OtherJournal[]>,
  sealer: Sealer,
): Pick<JournalReader, 'page' | 'verify'> {
  return {
    page: async (query) => readMerged([own, ...(await others())], sealer, query),
    async verify(anchor) {
      const found = await own.verify(anchor);
      if (found.state === 'broken') return { ...found, writer: own.writer };
      let { batches, entries } = found;
      for (const { writer, rows, anchors } of await others()) {
        const verdict: Verdict = await verifyChain(rows, sealer, anchors);
        if (verdict.state === 'broken') return { ...verdict, writer };
        batches += verdict.batches;
        entries += verdict.entries;
      }
      return { ...found, batches, entries };
    },
  };
}
