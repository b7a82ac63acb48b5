import { scopePart } from '../names.ts';
import type { LogHead, LogStep, StoredLog } from '../segments.ts';
import { itemAt, numberIn, textIn, type Attributes, type ItemKey } from './items.ts';

// The ends of logs: an item for each scope, with its logs of this period in the order in which they were made.

const hashBytes = 32;

/** A log of a scope, as it stands in the item of that scope. */
export interface Head extends LogHead {
  readonly scope: string;
  readonly shard: string;
  /** Orders logs as they were made. */
  readonly made: number;
}

/** Where the heads of a scope lie. */
export function headKey(part: string, scope: string): ItemKey {
  return { part, place: `head#${scopePart(scope)}` };
}

/** Where a log's last checkpoint lies. */
export function noteKey(part: string, { scope, shard }: Pick<Head, 'scope' | 'shard'>): ItemKey {
  return { part, place: `note#${scopePart(scope)}#${shard}` };
}

/** The heads of one scope as an item. */
export function headItem(part: string, heads: readonly Head[]): Attributes {
  const scope = heads[0]!.scope;
  const logs = heads.map(({ shard, size, frontier, closed, made }) => {
    return { shard, size, frontier: Buffer.concat(frontier).toString('base64'), closed, made };
  });
  return itemAt(headKey(part, scope), { scope: { S: scope }, logs: { S: JSON.stringify(logs) } });
}

/** The heads of such an item; none when there is no item. */
export function headsIn(item: Attributes | undefined): Head[] {
  if (item === undefined) return [];
  const scope = textIn(item, 'scope');
  const logs = JSON.parse(textIn(item, 'logs')) as (Omit<Head, 'frontier'> & { readonly frontier: string })[];
  return logs.map((log) => {
    const bytes = new Uint8Array(Buffer.from(log.frontier, 'base64'));
    const frontier: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; at += hashBytes) frontier.push(bytes.subarray(at, at + hashBytes));
    return { ...log, scope, frontier };
  });
}

/**
 * The heads after a step.
 *
 * @param heads of the scope, before
 * @returns `undefined` when the log has moved, or is closed
 */
export function grownHeads(
  heads: readonly Head[],
  { log, from, head }: Pick<LogStep, 'log' | 'from' | 'head'>,
  made: number,
): readonly Head[] | undefined {
  const found = heads.find(({ shard }) => shard === log.shard);
  if ((found?.size ?? 0) !== from || found?.closed === true) return undefined;
  const grown = { ...head, scope: log.scope, shard: log.shard, made: found?.made ?? made };
  return found === undefined ? [...heads, grown] : heads.map((each) => (each === found ? grown : each));
}

/** A head with its checkpoint. */
export function storedLog(
  { scope, shard, size, frontier, closed }: Head,
  note: Attributes | undefined,
): StoredLog {
  const text = note?.['note']?.S;
  return { scope, shard, size, frontier, closed, note: text, notedSize: numberIn(note, 'size') };
}

/** A checkpoint as an item, put by the size that it is of: of two the one of the larger log stays. */
export function noteItem(key: ItemKey, size: number, note: string): Attributes {
  return itemAt(key, { n: { N: String(size) }, size: { N: String(size) }, note: { S: note } });
}
