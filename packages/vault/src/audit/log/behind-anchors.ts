import { Refusal } from '../../refusal.ts';
import { openCheckpoint, type Checkpoint } from '../../tlog/checkpoint.ts';
import { sameHash } from '../../tlog/hash.ts';
import { rootAt, rootOf } from './grow-log.ts';
import { rootLog, type Segments } from './segments.ts';

// A whole directory that came back from a backup agrees with itself. What was noted elsewhere does not come back with it.

/**
 * Whether the root log lacks what a checkpoint of it says that was noted elsewhere. What no key of ours signed says nothing.
 *
 * @param notes as signed
 * @throws Refusal `store_unavailable`
 */
export async function isBehindAnchors(
  { root }: Pick<Segments, 'root'>,
  notes: readonly string[],
  by: { readonly origin: string; readonly vkeys: readonly string[] },
): Promise<boolean> {
  for (const note of notes) {
    const anchor = holding(note, by);
    if (anchor === undefined || anchor.size === 0) continue;
    const head = await root.head();
    if (head.size < anchor.size) return true;
    const then = head.size === anchor.size ? rootOf(head) : await rootAt(root, rootLog, anchor.size);
    if (then === undefined || !sameHash(then, anchor.root)) return true;
  }
  return false;
}

function holding(note: string, by: Parameters<typeof isBehindAnchors>[2]): Checkpoint | undefined {
  try {
    return openCheckpoint(note, by);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}
