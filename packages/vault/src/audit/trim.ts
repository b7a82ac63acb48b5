import type { Sealer } from '../keys/sealer.ts';
import { sameHash } from '../tlog/hash.ts';
import type { SealedThrough } from './log/segments.ts';
import { entriesOf, firstEnding } from './pages.ts';
import type { Rows } from './rows.ts';
import { isTrimmed, trimMark, type Trim } from './trim-mark.ts';

/** How much of a journal was sealed. */
export type TrimTo = Pick<SealedThrough, 'writer' | 'batch' | 'digest'>;

/** Batches that leave in one step: few enough for an attempt to wait for it. */
const stepBatches = 64;

/** A journal that can be trimmed. */
export interface TrimParts {
  readonly rows: Rows;
  readonly sealer: Sealer;
  /** Do a step. @returns whether that was possible now */
  readonly put: (trim: Trim) => Promise<boolean>;
}

/**
 * Trim a journal, step by step.
 *
 * @param sealed nothing behind that leaves; of another journal nothing happens
 * @param keptFromMs what ended then or later stays; `Infinity`: nothing has to
 * @throws Refusal `journal_broken`, `audit_unavailable`, `key_unavailable`; whatever `put` throws
 */
export async function trimBy(parts: TrimParts, sealed: TrimTo, keptFromMs: number): Promise<void> {
  const end = await endOf(parts, sealed, keptFromMs);
  for (let isLast = end === 0; !isLast;) {
    const step = await nextStep(parts, end);
    if (step === undefined || !(await parts.put(step))) return;
    ({ isLast } = step);
  }
}

/** The last batch that may leave; 0: none. */
async function endOf({ rows, sealer }: TrimParts, sealed: TrimTo, keptFromMs: number): Promise<number> {
  const last = await rows.last();
  if (last?.writer !== sealed.writer) return 0;
  const through = await rows.at(sealed.batch);
  if (through === undefined || !sameHash(through.digest, sealed.digest)) return 0;
  if (keptFromMs === Infinity) return sealed.batch;
  const kept = await firstEnding(rows, sealer, last.n, keptFromMs);
  const batch = await rows.at(kept);
  // It is the last one when none ends so late.
  const endsMs = batch && (await entriesOf(sealer, batch)).at(-1)?.ts;
  return Math.min(sealed.batch, (endsMs ?? -Infinity) < keptFromMs ? kept : kept - 1);
}

/** @returns `undefined`: nothing is left to be done */
async function nextStep({ rows, sealer }: TrimParts, end: number): Promise<Trim | undefined> {
  const [first] = await rows.from(1, false, 1);
  if (first === undefined || first.n > end || (first.n === end && isTrimmed(first))) return undefined;
  const batch = await rows.at(Math.min(end, first.n + stepBatches));
  if (batch === undefined) return undefined;
  const isLast = batch.n === end;
  if (isTrimmed(batch)) return { mark: batch, isLast };
  const lastAtMs = (await entriesOf(sealer, batch)).at(-1)!.ts;
  return { mark: trimMark(sealer, batch, lastAtMs), isLast };
}
