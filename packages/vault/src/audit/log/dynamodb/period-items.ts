import { scopePart } from '../names.ts';
import type { HeldLine, LogEnd, SealedStep, SealedThrough } from '../segments.ts';
import { bytesIn, itemAt, numberIn, padded, textIn, type Attributes, type ItemKey } from './items.ts';

// What a period has beside its logs: how those before it ended, how far journals are sealed, and lines that are held.

/** Steps hold fewer lines than this at once, so a segment's number and the line's make one that rises. */
const linesMax = 65_536;
const seqDigits = 16;

/** How the last log of a scope ended that lies in an earlier period. */
export function endItem(part: string, { scope, shard, size, root }: LogEnd): Attributes {
  const end = { scope: { S: scope }, shard: { S: shard }, size: { N: String(size) }, root: { B: root } };
  return itemAt(endKey(part, scope), end);
}

/** Where it lies. */
export function endKey(part: string, scope: string): ItemKey {
  return { part, place: `end#${scopePart(scope)}` };
}

/** It, from its item. */
export function endIn(item: Attributes): LogEnd {
  const [scope, shard] = [textIn(item, 'scope'), textIn(item, 'shard')];
  return { scope, shard, size: numberIn(item, 'size'), root: bytesIn(item, 'root') };
}

/** How far a journal is sealed. */
export function throughItem(part: string, { writer, batch, digest, entry }: SealedThrough): Attributes {
  const through = { batch: { N: String(batch) }, digest: { B: digest }, entry: { N: String(entry) } };
  return itemAt(throughKey(part, writer), { writer: { S: writer }, ...through });
}

/** Where it lies. */
export function throughKey(part: string, writer: string): ItemKey {
  return { part, place: `through#${scopePart(writer)}` };
}

/** It, from its item. */
export function throughIn(item: Attributes): SealedThrough {
  const [batch, entry] = [numberIn(item, 'batch'), numberIn(item, 'entry')];
  return { writer: textIn(item, 'writer'), batch, digest: bytesIn(item, 'digest'), entry };
}

/** A line that is held. */
export function heldItem(part: string, { seq, scope, sealed }: HeldLine): Attributes {
  const place = `held#${scopePart(scope)}#${padded(seq, seqDigits)}`;
  return itemAt({ part, place }, { seq: { N: String(seq) }, scope: { S: scope }, sealed: { B: sealed } });
}

/** Its place within all that were ever held. @param n the segment that holds it */
export function heldSeq(n: number, at: number): number {
  if (at >= linesMax) throw new RangeError('a step holds too many lines');
  return n * linesMax + at;
}

/** It, from its item. */
export function heldIn(item: Attributes): HeldLine {
  return { seq: numberIn(item, 'seq'), scope: textIn(item, 'scope'), sealed: bytesIn(item, 'sealed') };
}

/** Where the lines of a scope begin; of all when there is none. */
export function heldPlaces(scope?: string): string {
  return scope === undefined ? 'held#' : `held#${scopePart(scope)}#`;
}

/** Up to where lines of a scope were released: one of those that comes back is held no longer. */
export function releasedItem(
  part: string,
  { scope, seq }: NonNullable<SealedStep['release']>[number],
): Attributes {
  return itemAt(releasedKey(part, scope), { scope: { S: scope }, seq: { N: String(seq) } });
}

/** Where it lies. */
export function releasedKey(part: string, scope: string): ItemKey {
  return { part, place: `released#${scopePart(scope)}` };
}
