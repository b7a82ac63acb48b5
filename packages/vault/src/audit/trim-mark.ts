import type { Sealer } from '../keys/sealer.ts';
import { openFailed } from '../seal/gcm.ts';
import { openBatch, type Batch } from './batch.ts';

// What was sealed into the log leaves the journal. The last batch of it stays as a mark: its head and its digest, which the next
// one joins, and in place of the payload
//
//   "trimmed 1 " | ts of its last entry, decimal | " " | MAC
//
// where the MAC is HMAC-SHA-256 under the deployment's blind key, so that nobody else can take anything out of the journal and
// pass it off as trimmed. A mark says: whatever stands before me was sealed, and may be gone.

const form = 'trimmed 1 ';
const formBytes = Buffer.from(form);

/** A step of trimming. */
export interface Trim {
  readonly mark: Batch;
  /** Whether no other step follows at once. */
  readonly isLast: boolean;
}

/** Whether a row says that it is a mark. */
export function isTrimmed({ payload }: Pick<Batch, 'payload'>): boolean {
  return formBytes.equals(payload.subarray(0, formBytes.length));
}

/** The mark in place of a batch. @param lastAtMs `ts` of its last entry */
export function trimMark(sealer: Pick<Sealer, 'blind'>, batch: Batch, lastAtMs: number): Batch {
  return { ...batch, payload: Buffer.from(`${form}${lastAtMs} ${macOf(sealer, batch, lastAtMs)}`) };
}

/**
 * The time of the last entry of what was trimmed, in milliseconds since 1970.
 *
 * @throws Refusal `open_failed` when the mark was not made under our keys, or for another row
 */
export function trimmedAtMs(sealer: Pick<Sealer, 'blind'>, mark: Batch): number {
  const text = Buffer.from(mark.payload).toString('latin1');
  const [at = '', mac] = text.slice(form.length).split(' ');
  if (!/^\d{1,16}$/.test(at) || mac !== macOf(sealer, mark, Number(at)))
    throw openFailed('a trim mark of nobody');
  return Number(at);
}

/**
 * The lines of a row; a mark has none.
 *
 * @returns `undefined` when a batch holds another number of lines than its head says
 * @throws Refusal as `openBatch`
 */
export async function openRow(sealer: Sealer, row: Batch): Promise<readonly string[] | undefined> {
  if (!isTrimmed(row)) return openBatch(sealer, row);
  trimmedAtMs(sealer, row);
  return [];
}

function macOf(sealer: Pick<Sealer, 'blind'>, batch: Batch, lastAtMs: number): string {
  const { n, writer, boot, first, count, prev, digest } = batch;
  const bytes = [prev, digest].map((each) => Buffer.from(each).toString('hex'));
  return sealer.blind('journal trimmed', JSON.stringify([n, writer, boot, first, count, ...bytes, lastAtMs]));
}
