import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import { digestOf, noDigest, openBatch, type Batch } from './batch.ts';
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
 * was made without our keys or moved. `count`: a row holds another number of entries than it says.
 */
export type Verdict =
  | { readonly state: 'intact'; readonly batches: number; readonly entries: number; readonly end: Anchor }
  | { readonly state: 'broken'; readonly at: number; readonly reason: 'gap' | 'digest' | 'seal' | 'count' };

type Fault = Extract<Verdict, { state: 'broken' }>;

/**
 * Walk from the first batch to the last, opening each. Finds every change and every removal except one: rows cut off
 * the end cannot be missed by looking at the rest. Compare with an anchor noted elsewhere for that.
 *
 * @param anchors points the chain must pass through
 * @throws Refusal `journal_broken` when the file cannot be read as a journal any more; `key_unavailable`,
 *   `audit_unavailable`: the question could not be answered
 */
export async function verifyChain(rows: Rows, sealer: Sealer, anchors: readonly Anchor[]): Promise<Verdict> {
  const wanted = new Map(anchors.map((anchor) => [anchor.batch, anchor.digest]));
  const furthest = Math.max(0, ...wanted.keys());
  let n = 0;
  let entries = 0;
  let digest = noDigest;
  let writer: string | undefined;
  let boot = 0;
  // From below the first number: a row put in front of it would be no row of the chain.
  for (
    let page = rows.from(Number.MIN_SAFE_INTEGER, false);
    page.length > 0;
    page = rows.from(n + 1, false)
  ) {
    for (const batch of page) {
      if (batch.n !== n + 1 || batch.first !== entries + 1) return broken(n + 1, 'gap');
      if (batch.writer !== (writer ?? batch.writer) || batch.boot < boot) return broken(batch.n, 'gap');
      const fault = await faultOf(batch, digest, sealer);
      if (fault !== undefined) return fault;
      const anchored = wanted.get(batch.n);
      if (anchored !== undefined && anchored !== hex(batch.digest)) return broken(batch.n, 'digest');
      ({ n, digest, writer, boot } = batch);
      entries += batch.count;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (n < furthest) return broken(n + 1, 'gap');
  return { state: 'intact', batches: n, entries, end: { batch: n, digest: hex(digest) } };
}

async function faultOf(batch: Batch, prev: Uint8Array, sealer: Sealer): Promise<Fault | undefined> {
  if (!sameHash(batch.prev, prev) || !sameHash(batch.digest, digestOf(batch, batch.payload)))
    return broken(batch.n, 'digest');
  try {
    return (await openBatch(sealer, batch)) === undefined ? broken(batch.n, 'count') : undefined;
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
