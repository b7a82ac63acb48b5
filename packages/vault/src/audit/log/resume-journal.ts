import { openBatch, type Batch } from '../batch.ts';
import type { Entry } from '../entry.ts';
import type { LogGround } from './log-ground.ts';
import { nothingOf } from './journal-lines.ts';
import { monthOf } from './names.ts';
import type { SealedThrough, Segments } from './segments.ts';

// A journal that came back from a backup ends before what was sealed from it, or goes on in another way. What it has is
// looked up from its end backwards: behind the last entry that stands in a log, everything is new. An entry that only waited
// for its tenant's keys may then stand twice, which is better than not at all.

/** How far a journal is sealed that lacks what was sealed of it last. */
export async function resumeJournal(
  { rows, sealer, segments }: Pick<LogGround, 'rows' | 'sealer' | 'segments'>,
  writer: string,
): Promise<SealedThrough> {
  for (let batch = rows.last(); batch !== undefined; batch = rows.at(batch.n - 1)) {
    const entry = await lastSealed(segments, batch, (await openBatch(sealer, batch)) ?? []);
    if (entry === undefined) continue;
    const whole = entry === batch.first + batch.count - 1;
    const before = whole ? batch : rows.at(batch.n - 1);
    const { n, digest } = before ?? { n: 0, digest: nothingOf(writer).digest };
    return { writer, batch: n, digest, entry };
  }
  return nothingOf(writer);
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
  // One that waited for its tenant's keys stands in a later month.
  for (const name of await segments.periods()) {
    if (name < monthOf(ts)) continue;
    const period = await segments.period(name);
    for (const log of await period.logs([tenant])) {
      const found = await period.rows(log, { sinceMs: ts, untilMs: ts + 1, limit: 10_000 });
      if (found.some((row) => row.id === id)) return true;
    }
  }
  return false;
}
