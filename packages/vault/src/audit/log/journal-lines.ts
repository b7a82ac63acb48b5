import type { Sealer } from '../../keys/sealer.ts';
import { refuse } from '../../refusal.ts';
import { digestOf, noDigest, openBatch, type Batch } from '../batch.ts';
import type { Entry } from '../entry.ts';
import type { Rows } from '../rows.ts';
import { isTrimmed } from '../trim-mark.ts';
import { sameHash } from '../../tlog/hash.ts';
import { moved } from './moved.ts';
import type { SealedThrough } from './segments.ts';
import { openTurns } from './turns.ts';

/** One line of the journal, and where it stands there. */
export interface JournalLine {
  readonly entry: Entry;
  /** `<writer>/<boot>`. */
  readonly writer: string;
  readonly n: number;
}

/** Lines that are to be sealed next. */
export interface NextLines {
  readonly lines: readonly JournalLine[];
  /** How much of the journal is sealed once the first `count` of them are. */
  through(count: number): SealedThrough;
}

/**
 * Read on behind what is sealed, along the chain: every batch must join the one before.
 *
 * @param linesMax enough; a batch is read whole
 * @throws Refusal `journal_broken` when the chain does not hold, `key_unavailable`, `audit_unavailable`
 */
export async function linesBehind(
  rows: Rows,
  sealer: Sealer,
  sealed: SealedThrough,
  linesMax: number,
): Promise<NextLines> {
  const lines: JournalLine[] = [];
  const batches: Batch[] = [];
  const turns = openTurns();
  let before: Pick<Batch, 'n' | 'digest'> = { n: sealed.batch, digest: sealed.digest };
  while (lines.length < linesMax) {
    const batch = await nextBatch({ rows, sealer }, before).catch((error: unknown) => {
      // What comes before a fault is good; it is met again when that is sealed.
      if (lines.length === 0) throw error;
      return undefined;
    });
    if (batch === undefined) break;
    for (const [at, text] of batch.texts.entries()) {
      const n = batch.first + at;
      if (n <= sealed.entry) continue;
      lines.push({ entry: JSON.parse(text) as Entry, writer: `${batch.writer}/${batch.boot}`, n });
    }
    batches.push(batch);
    before = batch;
    await turns(batch.count);
  }
  return {
    lines,
    through(count) {
      const entry = count === 0 ? sealed.entry : lines[count - 1]!.n;
      const whole = batches.findLast((batch) => batch.first + batch.count - 1 <= entry);
      const { n: batch, digest } = whole ?? { n: sealed.batch, digest: sealed.digest };
      return { writer: sealed.writer, batch, digest, entry };
    },
  };
}

/** The writer of a journal; `undefined` while it is empty. */
export async function writerOf(rows: Rows): Promise<string | undefined> {
  return (await rows.last())?.writer;
}

/** Nothing of this writer is sealed. */
export function nothingOf(writer: string): SealedThrough {
  return { writer, batch: 0, digest: noDigest, entry: 0 };
}

/** Whether the journal still has the batch up to which it was sealed. */
export async function stillHas(rows: Rows, { batch, digest }: SealedThrough): Promise<boolean> {
  if (batch === 0) return true;
  const row = await rows.at(batch);
  return row !== undefined && sameHash(row.digest, digest);
}

/** The batch that follows, opened. `undefined` at the end. */
async function nextBatch(
  { rows, sealer }: { readonly rows: Rows; readonly sealer: Sealer },
  before: Pick<Batch, 'n' | 'digest'>,
): Promise<(Batch & { readonly texts: readonly string[] }) | undefined> {
  const n = before.n + 1;
  const batch = await rows.at(n);
  if (batch === undefined) {
    const [next] = await rows.from(n, false, 1);
    if (next === undefined) return undefined;
    // Somebody else has sealed it meanwhile, and it has left.
    throw isTrimmed(next) ? moved() : broken(`batch ${n} is missing`);
  }
  if (isTrimmed(batch)) throw broken(`batch ${n} left the journal before it was sealed`);
  const joins = sameHash(batch.prev, before.digest) && sameHash(batch.digest, digestOf(batch, batch.payload));
  if (!joins) throw broken(`batch ${n} does not join the one before`);
  const texts = await openBatch(sealer, batch);
  if (texts === undefined) throw broken(`batch ${n} holds another number of entries`);
  return { ...batch, texts };
}

function broken(detail: string) {
  return refuse('journal_broken', 'the audit journal cannot be sealed: its chain does not hold', detail);
}
