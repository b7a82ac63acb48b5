import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { refuse } from '../../../refusal.ts';
import { tileWidth } from '../../../tlog/tile-paths.ts';
import type { LogName, LogReads, LogStep, Slice } from '../segments.ts';
import {
  bytesIn,
  bytesMax,
  cut,
  itemAt,
  numberIn,
  padded,
  textIn,
  type Attributes,
  type ItemKey,
} from './items.ts';
import { inTurn, type LogTable } from './log-table.ts';

// What a log consists of, in a partition of its own: its slices by their first leaf, and the hashes of the tree, each for
// itself, so that none has to be read to add the next. A block of 256 takes the place of the first slice that it holds; the
// others are removed, and until then, or if one comes back, it is seen by its place that a block holds it.

/** Times that slices are read which are just becoming a block. */
const readsMax = 8;

/** What a step puts into a log. */
export interface LogItems {
  readonly adds: readonly Attributes[];
  readonly sets: readonly Attributes[];
  readonly removes: readonly ItemKey[];
}

/**
 * Items of a step.
 *
 * @param id told from those of every other step
 */
export async function logItems(
  table: LogTable,
  part: string,
  { slices, nodes }: Pick<LogStep, 'slices' | 'nodes'>,
  id: string,
): Promise<LogItems> {
  const adds = nodes.map(({ level, index, hash }) => {
    const place = `${tilePlace(level, Math.floor(index / tileWidth))}${padded(index % tileWidth, 3)}`;
    return itemAt({ part, place }, { hash: { B: hash } });
  });
  const sets: Attributes[] = [];
  for (const slice of slices) {
    const { item, pieces } = sliceItems(part, slice, id);
    sets.push(item);
    adds.push(...pieces);
  }
  const blocks = slices.filter(({ leaves }) => leaves.length === tileWidth);
  const removes = await inTurn(blocks, ({ first }) => heldBy(table, part, first));
  return { adds, sets, removes: removes.flat() };
}

/** Reading logs. @param settled waits until what was committed is there */
export function logReads(
  table: LogTable,
  partOf: (log: LogName) => string,
  settled: () => Promise<unknown>,
): LogReads {
  return {
    async slices(log, from, limit) {
      await settled();
      for (let turn = 1; turn <= readsMax; turn += 1) {
        const items = await slicesFrom(table, partOf(log), from, limit);
        if (items !== undefined) return inTurn(items, (item) => sliceOf(table, item));
      }
      throw refuse('store_unavailable', 'the audit log lacks leaves', `${partOf(log)} from ${from}`);
    },
    async tile(log, level, index) {
      await settled();
      const nodes = await table.list({ part: partOf(log), places: { beginWith: tilePlace(level, index) } });
      if (nodes.length === 0) return undefined;
      return new Uint8Array(Buffer.concat(nodes.map((node) => bytesIn(node, 'hash'))));
    },
  };
}

const slicePlace = (first: number) => `slice#${padded(first, 12)}`;
const tilePlace = (level: number, index: number) => `node#${level}#${padded(index, 10)}#`;

/** Slices behind the first of a block: the block is to hold them. */
async function heldBy(table: LogTable, part: string, first: number): Promise<ItemKey[]> {
  const places = { from: slicePlace(first + 1), to: slicePlace(first + tileWidth - 1) };
  const items = await table.list({ part, places, keysOnly: true });
  return items.map((item) => ({ part, place: textIn(item, 'place') }));
}

/** @returns `undefined` when a block was made of some of them meanwhile */
async function slicesFrom(
  table: LogTable,
  part: string,
  from: number,
  limit: number,
): Promise<Attributes[] | undefined> {
  const found: Attributes[] = [];
  let next = from - (from % tileWidth);
  const places = { from: slicePlace(next), to: 'slice#~' };
  for await (const page of table.pages({ part, places, page: Math.min(limit + tileWidth, 1000) }))
    for (const item of page) {
      const first = numberIn(item, 'first');
      if (first < next) continue;
      if (first > next) return undefined;
      next = first + numberIn(item, 'count');
      if (next > from) found.push(item);
      if (found.length >= limit) return found;
    }
  return found;
}

// Leaves and bodies as bytes: length of the leaves (4) · leaves as lines · bodies. What is too large for one item lies in
// pieces beside it.

function sliceItems(part: string, { first, leaves, bodies }: Slice, id: string) {
  const text = Buffer.from(leaves.join('\n'));
  const deflated = leaves.length === tileWidth;
  const kept = deflated ? deflateRawSync(text, { level: 1 }) : text;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(kept.length);
  const bytes = Buffer.concat([length, kept, bodies ?? Buffer.alloc(0)]);
  const fits = bytes.length <= bytesMax;
  const ref = `piece#${padded(first, 12)}#${id}#`;
  const pieces = fits ? [] : cut(bytes);
  const item = itemAt(
    { part, place: slicePlace(first) },
    {
      first: { N: String(first) },
      count: { N: String(leaves.length) },
      deflated: { BOOL: deflated },
      bodies: { BOOL: bodies !== undefined },
      ...(fits ? { bytes: { B: bytes } } : { pieces: { S: ref } }),
    },
  );
  return {
    item,
    pieces: pieces.map((piece, at) =>
      itemAt({ part, place: `${ref}${padded(at, 4)}` }, { bytes: { B: piece } }),
    ),
  };
}

async function sliceOf(table: LogTable, item: Attributes): Promise<Slice> {
  const ref = item['pieces']?.S;
  const pieces =
    ref === undefined ? [item] : await table.list({ part: textIn(item, 'part'), places: { beginWith: ref } });
  const bytes = Buffer.concat(pieces.map((piece) => bytesIn(piece, 'bytes')));
  const end = 4 + bytes.readUInt32BE(0);
  const kept = bytes.subarray(4, end);
  const text = item['deflated']?.BOOL === true ? inflateRawSync(kept) : kept;
  return {
    first: numberIn(item, 'first'),
    leaves: text.toString('utf8').split('\n'),
    bodies: item['bodies']?.BOOL === true ? new Uint8Array(bytes.subarray(end)) : undefined,
  };
}
