import { refuse, type Refusal } from '../../refusal.ts';
import type { Batch } from '../batch.ts';
import { bytesIn, itemAt, numberIn, padded, type Attributes, type ItemKey } from '../log/dynamodb/items.ts';

// A batch is an item: the partition is the writer's, the place its number. Number and writer are the key's alone, so a batch
// that somebody moved is one whose seal does not fit.

const digits = 16;

/** Bytes of lines in one batch: sealed, with the rest of the item, it stays below 100 KB. DynamoDB takes 400. */
export const batchBytesMax = 96_000;

/** The partition of a writer's batches. */
export function journalPart(writer: string): string {
  return `J#${writer}`;
}

/** Where a batch lies. */
export function batchKey(writer: string, n: number): ItemKey {
  return { part: journalPart(writer), place: placeOf(n) };
}

/** Batches from `n` on, or down from `n`. */
export function batchesFrom(n: number, descending: boolean): { readonly from: string; readonly to: string } {
  return descending ? { from: ' ', to: placeOf(n) } : { from: placeOf(n), to: '~' };
}

/** Below the first number there is nothing, unless somebody else put it there: then it is seen. */
function placeOf(n: number): string {
  return n < 1 ? ' ' : padded(n, digits);
}

/** A batch as an item. */
export function batchItem({ n, writer, boot, first, count, prev, digest, payload }: Batch): Attributes {
  return itemAt(batchKey(writer, n), {
    boot: { N: String(boot) },
    first: { N: String(first) },
    count: { N: String(count) },
    prev: { B: prev },
    digest: { B: digest },
    payload: { B: payload },
  });
}

/** The batch in an item. @throws Refusal `journal_broken` when it is none */
export function batchFrom(writer: string, item: Attributes): Batch {
  const place = item['place']?.S ?? '';
  const n = Number(place);
  const batch = {
    n,
    writer,
    boot: numberIn(item, 'boot'),
    first: numberIn(item, 'first'),
    count: numberIn(item, 'count'),
    prev: bytesIn(item, 'prev'),
    digest: bytesIn(item, 'digest'),
    payload: bytesIn(item, 'payload'),
  };
  const numbers = [n, batch.boot, batch.first, batch.count];
  if (!numbers.every((value) => Number.isSafeInteger(value) && value > 0) || place !== placeOf(n))
    throw damaged(`item ${place} is no batch`);
  return batch;
}

function damaged(detail: string): Refusal {
  return refuse('journal_broken', 'the audit journal is damaged', detail);
}
