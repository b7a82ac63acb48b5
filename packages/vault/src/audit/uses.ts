import { everyEntry, type EntryReader } from './every-entry.ts';

// A chain shows what was taken out of it, and cannot show what was never in it. Where a credential is opened it is counted, and
// the log must hold at least as many attempts on it: an attempt is durable before the credential is opened.

/** A credential that was opened more often than the log says. */
export interface LackingUse {
  /** The object of its entries, such as `connection:g1/shop#*#default`. */
  readonly object: string;
  readonly counted: number;
  readonly logged: number;
}

/**
 * Which of these credentials the log has too few attempts on.
 *
 * @param counted how often each was opened, by the object of its entries, taken before this is called
 * @param sinceMs from when on that was counted, by the clock of the journal
 * @throws Refusal those of the reader
 */
export async function lackingUses(
  reader: EntryReader,
  counted: ReadonlyMap<string, number>,
  sinceMs: number,
): Promise<readonly LackingUse[]> {
  const logged = new Map([...counted.keys()].map((object) => [object, 0]));
  if (counted.size > 0)
    for await (const page of everyEntry(reader, { order: 'oldest', sinceMs }))
      for (const { act, obj } of page) {
        const before = act === undefined || obj === undefined ? undefined : logged.get(obj);
        if (before !== undefined && !act!.startsWith('connection.')) logged.set(obj!, before + 1);
      }
  return [...counted]
    .map(([object, uses]) => ({ object, counted: uses, logged: logged.get(object)! }))
    .filter((use) => use.logged < use.counted);
}
