import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import { digestOf, noDigest, type Batch } from './batch.ts';
import { isTrimmed, openRow } from './trim-mark.ts';
import type { Rows } from './rows.ts';
import { sameHash } from '../tlog/hash.ts';

/** A point of the chain somebody remembers: what stood up to there must still stand. */
export interface Anchor {
  readonly batch: number;
  /** SHA-256, 64 hexadecimal digits. */
  readonly digest: string;
}

/**
 * What a walk along the chain found. `broken`: `at` is the first batch number that does not hold.
 * `gap`: a row or an entry number is missing. `digest`: a row was changed, or joins another predecessor. `seal`: a row
 * was made without our keys or moved. `count`: a row holds another number of entries than it says. `writer`: of which journal,
 * where several are read as one; their batches and entries are counted together. `trimmed`: entries that were sealed into the log
 * and have left the journal; they are counted among `entries`, as their batches are among `batches`.
 */
export type Verdict =
  | {
      readonly state: 'intact';
      readonly batches: number;
      readonly entries: number;
      readonly trimmed: number;
      readonly end: Anchor;
    }
  | {
      readonly state: 'broken';
      readonly at: number;
      readonly reason: 'gap' | 'digest' | 'seal' | 'count';
      readonly writer?: string;
    };

type Fault = Extract<Verdict, { state: 'broken' }>;

/** How far a walk has come. */
interface Walked {
  readonly n: number;
  readonly entries: number;
  readonly digest: Uint8Array;
  readonly writer: string | undefined;
  readonly boot: number;
}

/**
 * Walk from the first batch, or from where the journal was trimmed last, to the last one, opening each. Finds every change and
 * every removal except one: rows cut off the end cannot be missed by looking at the rest. Compare with an anchor noted elsewhere
 * for that.
 *
 * @param anchors points the chain must pass through; those that were trimmed it has passed
 * @throws Refusal `journal_broken` when the file cannot be read as a journal any more; `key_unavailable`,
 *   `audit_unavailable`: the question could not be answered
 */
export async function verifyChain(rows: Rows, sealer: Sealer, anchors: readonly Anchor[]): Promise<Verdict> {
  const wanted = new Map(anchors.map((anchor) => [anchor.batch, anchor.digest]));
  const furthest = Math.max(0, ...wanted.keys());
  let walked: Walked = { n: 0, entries: 0, digest: noDigest, writer: undefined, boot: 0 };
  let trimmed = 0;
  let fault: Fault | undefined;
  // From below the first number: a row put in front of it would be no row of the chain.
  for (let at = Number.MIN_SAFE_INTEGER; ;) {
    const page = await rows.from(at, false);
    for (const batch of page) {
      if (isTrimmed(batch)) {
        fault = await openFault(batch, sealer);
        trimmed = batch.first + batch.count - 1;
      } else fault ??= stepFault(walked, batch) ?? (await openFault(batch, sealer));
      const anchored = wanted.get(batch.n);
      if (anchored !== undefined && anchored !== hex(batch.digest)) fault ??= broken(batch.n, 'digest');
      walked = { ...batch, entries: batch.first + batch.count - 1 };
    }
    const last = page.at(-1);
    if (last === undefined) break;
    at = last.n + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { n: batches, entries, digest } = walked;
  if (fault === undefined && batches < furthest) fault = broken(batches + 1, 'gap');
  return (
    fault ?? { state: 'intact', batches, entries, trimmed, end: { batch: batches, digest: hex(digest) } }
  );
}

function stepFault(before: Walked, batch: Batch): Fault | undefined {
  const { n, first, writer, boot, prev, digest, payload } = batch;
  if (n !== before.n + 1 || first !== before.entries + 1) return broken(before.n + 1, 'gap');
  if (writer !== (before.writer ?? writer) || boot < before.boot) return broken(n, 'gap');
  const joins = sameHash(prev, before.digest) && sameHash(digest, digestOf(batch, payload));
  return joins ? undefined : broken(n, 'digest');
}

async function openFault(batch: Batch, sealer: Sealer): Promise<Fault | undefined> {
  try {
    return (await openRow(sealer, batch)) === undefined ? broken(batch.n, 'count') : undefined;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key_unavailable') throw error;
    if (error instanceof Refusal) return broken(batch.n, 'seal');
    throw refuse('audit_unavailable', 'the audit journal could not be checked', `batch ${batch.n}`, error);
  }
}

function broken(at: number, reason: Fault['reason']): Fault {
  return { state: 'broken', at, reason };
}

/** A digest as text. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
