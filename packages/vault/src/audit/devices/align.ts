import type { Sealer } from '../../keys/sealer.ts';
import type { OpenCommitter } from '../committer.ts';
import type { Rows } from '../rows.ts';
import { jointIn, takeOver } from './catch-up.ts';
import type { DeviceReads } from './device.ts';
import { readsOf } from './journal-device.ts';

/** What is aligned. */
export interface AlignParts {
  readonly path: string;
  readonly rows: Rows;
  readonly sealer: Sealer;
  readonly openCommitter: OpenCommitter;
}

/**
 * Before the journal is gone on with: the longer chain wins where it continues the other. What the second device has more is
 * written to the journal, so that it is read and sealed; what it lacks it is given later, while the journal is in use.
 *
 * @throws Refusal `journal_broken` when neither continues the other; `key_unavailable`; Error of either device
 */
export async function alignJournal(parts: AlignParts, second: DeviceReads): Promise<void> {
  const { path, rows, sealer, openCommitter } = parts;
  const journal = readsOf(rows);
  const [ours, its] = [await journal.last(), await second.last()];
  if ((its?.n ?? 0) <= (ours?.n ?? 0)) {
    await jointIn(journal, its);
    return;
  }
  let at = await jointIn(second, ours);
  const committer = await openCommitter(path);
  try {
    for (let before = -1; at.n > before;) {
      before = at.n;
      at = await takeOver(sealer, second, committer, at);
    }
  } finally {
    await committer.close();
  }
}
