import type { Sealer } from '../../keys/sealer.ts';
import { Refusal } from '../../refusal.ts';
import { openFrontier } from '../../tlog/frontier.ts';
import { hashesIn, leafHash } from '../../tlog/hash.ts';
import { tileWidth } from '../../tlog/tile-paths.ts';
import { openBodies, sealBodies } from './bodies.ts';
import type { LogEvent } from './events.ts';
import { moved } from './moved.ts';
import type { LogHead, LogName, LogReads, LogStep, Slice, TreeNode } from './segments.ts';
import { openTurns } from './turns.ts';

// Adding events to a log. They lie as slices until 256 of them are full; then they are one block, whose hash goes up into
// the tiles.

/** Subtrees of these heights are the hashes of the tiles above. */
const tileHeight = 8;

/** What a log grows with. */
export interface GrowParts {
  readonly reads: LogReads;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
}

/** Before the first leaf. */
export const emptyLog: LogHead = { size: 0, frontier: [], closed: false };

/** The root of a log at its end. */
export function rootOf({ size, frontier }: Pick<LogHead, 'size' | 'frontier'>): Uint8Array {
  return openFrontier({ size, hashes: frontier }).root();
}

/**
 * What the log gains.
 *
 * @param closed whether the last event closes it
 * @throws Refusal `key_shredded`, `key_disabled`, `key_unavailable`
 */
export async function grown(
  parts: GrowParts,
  log: LogName,
  before: LogHead,
  { events, closed = false }: { readonly events: readonly LogEvent[]; readonly closed?: boolean },
): Promise<LogStep> {
  const frontier = openFrontier({ size: before.size, hashes: before.frontier });
  const slices: Slice[] = [];
  const nodes: TreeNode[] = [];
  const turns = openTurns();
  for (let done = 0; done < events.length;) {
    const first = before.size + done;
    const more = events.slice(done, done + tileWidth - (first % tileWidth));
    more.forEach(({ leaf }, at) =>
      frontier.append(leafHash(leaf), (height, hash) => {
        if (height % tileHeight !== 0) return;
        const index = Math.floor((first + at) / 2 ** height);
        nodes.push({ level: height / tileHeight, index, hash });
      }),
    );
    const full = (first + more.length) % tileWidth === 0;
    slices.push(full ? await endOfBlock(parts, log, first, more) : await sliceOf(parts, log, first, more));
    done += more.length;
    await turns(more.length);
  }
  const { size, hashes } = frontier.state();
  const rows = events.flatMap(({ row }, at) => (row === undefined ? [] : [{ ...row, ix: before.size + at }]));
  return { log, from: before.size, head: { size, frontier: hashes, closed }, slices, nodes, rows };
}

async function sliceOf(
  { sealer }: GrowParts,
  log: LogName,
  first: number,
  events: readonly Pick<LogEvent, 'leaf' | 'body'>[],
): Promise<Slice> {
  const bodies = await sealBodies(
    sealer,
    log,
    first,
    events.map(({ body }) => body),
  );
  return { first, leaves: events.map(({ leaf }) => leaf), bodies };
}

/** The end of a block: all 256 as one, those included that lie already, if they can be opened. */
async function endOfBlock(
  parts: GrowParts,
  log: LogName,
  first: number,
  events: readonly LogEvent[],
): Promise<Slice> {
  const start = first - (first % tileWidth);
  const lying = first === start ? [] : await parts.reads.slices(log, start, tileWidth);
  const leaves = [...lying.flatMap((slice) => slice.leaves), ...events.map(({ leaf }) => leaf)];
  if (leaves.length > tileWidth) throw moved();
  if (leaves.length !== tileWidth) throw new Error(`${log.shard} lacks leaves before ${first}`);
  const bodies = await bodiesOf(parts, log, lying);
  if (bodies === undefined) return sliceOf(parts, log, first, events);
  const whole = [...bodies, ...events.map(({ body }) => body)];
  const all = leaves.map((leaf, at) => ({ leaf, body: whole[at]! }));
  return sliceOf(parts, log, start, all);
}

/**
 * Bodies that lie already. Those of a tenant whose keys were destroyed are lost, and their leaves stay.
 *
 * @returns `undefined` when the keys do not open now: then the slices stay as they are
 */
async function bodiesOf(
  { sealer }: GrowParts,
  log: LogName,
  slices: readonly Slice[],
): Promise<readonly string[] | undefined> {
  const bodies: string[] = [];
  for (const slice of slices)
    try {
      bodies.push(...(await openBodies(sealer, log, slice)));
    } catch (error) {
      if (!(error instanceof Refusal) || error.code === 'store_unavailable') throw error;
      if (error.code !== 'key_shredded') return undefined;
      bodies.push(...slice.leaves.map(() => ''));
    }
  return bodies;
}

async function blockHashes(reads: LogReads, log: LogName, tile: number): Promise<Uint8Array[]> {
  return hashesIn((await reads.tile(log, 1, tile)) ?? new Uint8Array());
}

/**
 * The root a log had at an earlier size, from what lies there.
 *
 * @returns `undefined` when it never had that many leaves, or they are not there
 */
export async function rootAt(reads: LogReads, log: LogName, size: number): Promise<Uint8Array | undefined> {
  const blocks = Math.floor(size / tileWidth);
  const above = openFrontier();
  for (let tile = 0; tile * tileWidth < blocks; tile += 1) {
    const hashes = await blockHashes(reads, log, tile);
    for (const hash of hashes.slice(0, blocks - tile * tileWidth)) above.append(hash);
  }
  if (above.size() !== blocks) return undefined;
  // The tree over full blocks is the upper part of the tree over their leaves.
  const frontier = openFrontier({ size: blocks * tileWidth, hashes: above.state().hashes });
  const slices = size % tileWidth === 0 ? [] : await reads.slices(log, blocks * tileWidth, tileWidth);
  for (const leaf of slices.flatMap(({ leaves }) => leaves))
    if (frontier.size() < size) frontier.append(leafHash(leaf));
  return frontier.size() === size ? frontier.root() : undefined;
}
