import { openBatch, type Batch } from '../batch.ts';
import type { Entry } from '../entry.ts';
import { isTrimmed, trimmedAtMs } from '../trim-mark.ts';
import type { LogGround } from './log-ground.ts';
import { nothingOf } from './journal-lines.ts';
import type { SealedThrough, Segments } from './segments.ts';
import { standings } from './standings.ts';

// A journal that came back from a backup ends before what was sealed from it, or goes on in another way. What it has is
// looked up from its end backwards: behind the last entry that stands in a log, everything is new. An entry that only waited
// for its tenant's keys may then stand twice, which is better than not at all.

/**
 * How far a journal is sealed that lacks what was sealed of it last.
 *
 * @throws Refusal `open_failed` for a trim mark of somebody else, and those of the journal
 */
export async function resumeJournal(
  { rows, sealer, segments }: Pick<LogGround, 'rows' | 'sealer' | 'segments'>,
  writer: string,
): Promise<SealedThrough> {
  for (let batch = await rows.last(); batch !== undefined; batch = await rows.at(batch.n - 1)) {
    if (isTrimmed(batch)) return throughMark(sealer, batch);
    const entry = await lastSealed(segments, batch, (await openBatch(sealer, batch)) ?? []);
    if (entry === undefined) continue;
    const whole = entry === batch.first + batch.count - 1;
    const before = whole ? batch : await rows.at(batch.n - 1);
    const { n, digest } = before ?? { n: 0, digest: nothingOf(writer).digest };
    return { writer, batch: n, digest, entry };
  }
  return nothingOf(writer);
}

/** What was trimmed was sealed. */
function throughMark(sealer: LogGround['sealer'], mark: Batch): SealedThrough {
  trimmedAtMs(sealer, mark);
  const { writer, n: batch, digest, first, count } = mark;
  return { writer, batch, digest, entry: first + count - 1 };
}

/** Number of the last of these entries that stands in a log. */
async function lastSealed(
  segments: Segments,
  { first }: Batch,
  lines: readonly string[],
): Promise<number | undefined> {
  for (let at = lines.length - 1; at >= 0; at -= 1)
    if (await isSealed(segments, JSON.parse(lines[at]!) as Entry)) return first + at;
  return undefined;
}

async function isSealed(segments: Segments, { id, tenant, ts }: Entry): Promise<boolean> {
  for await (const _ of standings(segments, tenant, { id, sinceMs: ts, untilMs: ts + 1 })) return true;
  return false;
}
