import { randomBytes } from 'node:crypto';
import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import { sameHash } from '../tlog/hash.ts';
import { digestOf, noDigest, openBatch, tailAfter, type Batch, type Tail } from './batch.ts';
import type { Entry } from './entry.ts';
import type { Rows } from './rows.ts';
import { isTrimmed, trimmedAtMs } from './trim-mark.ts';

/** Where a journal goes on, and the time it has reached. */
export interface Continued {
  readonly tail: Tail;
  /** `ts` of the last entry, in milliseconds since 1970; 0 for an empty journal. */
  readonly lastAtMs: number;
}

/** A name that no other journal has: 32 hexadecimal digits. */
export function newWriter(): string {
  return randomBytes(16).toString('hex');
}

/**
 * Find the end of the chain: the last row must carry its own digest, join the row before and open under our keys.
 * Rows further back are looked at by `verify` only, so that opening takes the same time for any length.
 *
 * @param writer of an empty journal
 * @throws Refusal `journal_broken` when the last row does not hold; `key_unavailable`
 */
export async function continueTail(rows: Rows, sealer: Sealer, writer = newWriter()): Promise<Continued> {
  const last = await rows.last();
  if (last === undefined) return { tail: { writer, boot: 1, n: 0, next: 1, digest: noDigest }, lastAtMs: 0 };
  const lastAtMs = isTrimmed(last)
    ? await openedOr(last, async () => trimmedAtMs(sealer, last))
    : await lastTimeIn(rows, sealer, last);
  return { tail: { ...tailAfter(last), boot: last.boot + 1 }, lastAtMs };
}

async function lastTimeIn(rows: Rows, sealer: Sealer, last: Batch): Promise<number> {
  const before = last.n === 1 ? undefined : await rows.at(last.n - 1);
  const joins =
    last.n === 1 ? sameHash(last.prev, noDigest) : before !== undefined && sameHash(last.prev, before.digest);
  if (!joins) throw broken(`batch ${last.n} does not join the one before`);
  if (!sameHash(last.digest, digestOf(last, last.payload)))
    throw broken(`batch ${last.n} has another digest`);
  const lines = await openedOr(last, () => openBatch(sealer, last));
  if (lines === undefined) throw broken(`batch ${last.n} holds another number of entries`);
  return (JSON.parse(lines.at(-1)!) as Entry).ts;
}

async function openedOr<V>({ n }: Batch, open: () => Promise<V>): Promise<V> {
  try {
    return await open();
  } catch (error) {
    const unreadable =
      error instanceof Refusal && ['open_failed', 'record_version_unknown'].includes(error.code);
    throw unreadable ? broken(`batch ${n} does not open`) : error;
  }
}

function broken(detail: string): Refusal {
  return refuse('journal_broken', 'the audit journal does not continue where it ended', detail);
}
