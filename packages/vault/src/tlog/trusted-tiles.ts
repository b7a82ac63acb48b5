import { refuse } from '../refusal.ts';
import { hashBytes, rootOver, sameHash } from './hash.ts';
import { openSubtrees, type ReadTile } from './subtrees.ts';
import { tilePath, tileWidth, widthOf, type Tile } from './tile-paths.ts';

// Leaves of a tree whose root is known, out of tiles that are not trusted: the partial tiles at the right edge add up to the
// root, and each full tile is the hash of its place in the tile above. A tile is checked once, however many leaves it is for.

/** Leaves that the root vouches for. */
export interface TrustedLeaves {
  /**
   * The hash of a leaf.
   *
   * @throws Refusal `log_invalid` when a tile is missing, has the wrong length or is not under the root
   * @throws RangeError when there is no such leaf
   */
  leafHash(index: number): Promise<Uint8Array>;
}

/** Tiles that are kept once they are checked: 8 KiB each. */
const keptMax = 256;

/** Read leaves under a root that is known. */
export function trustedLeaves(size: number, root: Uint8Array, readTile: ReadTile): TrustedLeaves {
  const kept = new Map<string, Uint8Array>();
  const edgeTiles = new Map<string, Uint8Array>();
  let edge: Promise<void> | undefined;
  async function readWhole(tile: Tile): Promise<Uint8Array> {
    const path = tilePath(tile);
    const bytes = await readTile(tile);
    if (bytes === undefined) throw refuse('log_invalid', 'a tile of the log is missing', path);
    if (bytes.length !== tile.width * hashBytes)
      throw refuse('log_invalid', 'a tile of the log has the wrong length', path);
    return bytes;
  }
  /** All of each partial tile goes into the root, so what adds up to it is right. */
  async function checkEdge(): Promise<void> {
    const read = new Map<string, Uint8Array>();
    const { rootOf } = openSubtrees(size, async (tile) => {
      const bytes = await readTile(tile);
      if (bytes !== undefined) read.set(tilePath(tile), bytes);
      return bytes;
    });
    if (!sameHash(await rootOf(0, size), root)) throw notUnder('the right edge');
    for (const [path, bytes] of read) edgeTiles.set(path, bytes);
  }
  async function checked(level: number, index: number): Promise<Uint8Array> {
    const tile = { level, index, width: widthOf(index, Math.floor(size / tileWidth ** level)) };
    const path = tilePath(tile);
    edge ??= checkEdge();
    await edge;
    if (tile.width < tileWidth) return edgeTiles.get(path)!;
    const known = kept.get(path);
    if (known !== undefined) return known;
    const bytes = await readWhole(tile);
    const above = await checked(level + 1, Math.floor(index / tileWidth));
    if (!sameHash(rootOver(bytes), hashAt(above, index))) throw notUnder(path);
    if (kept.size >= keptMax) kept.delete(kept.keys().next().value!);
    kept.set(path, bytes);
    return bytes;
  }
  return {
    async leafHash(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= size)
        throw new RangeError(`leaf ${index} of a tree of ${size} leaves`);
      return hashAt(await checked(0, Math.floor(index / tileWidth)), index);
    },
  };
}

/** Tiles that {@link trustedLeaves} reads for the leaves of some tiles of level 0, each once. */
export function tilesUnderRoot(size: number, blocks: Iterable<number>): Tile[] {
  const tiles = new Map<string, Tile>();
  const has = (level: number): number => Math.floor(size / tileWidth ** level);
  const add = (level: number, index: number): boolean => {
    const tile = { level, index, width: widthOf(index, has(level)) };
    const path = tilePath(tile);
    if (tiles.has(path)) return false;
    tiles.set(path, tile);
    return tile.width === tileWidth;
  };
  for (let level = 0; has(level) > 0; level += 1)
    if (has(level) % tileWidth > 0) add(level, Math.floor(has(level) / tileWidth));
  for (const block of blocks)
    for (let [level, index] = [0, block]; add(level, index); level += 1)
      index = Math.floor(index / tileWidth);
  return [...tiles.values()];
}

function hashAt(tile: Uint8Array, index: number): Uint8Array {
  const at = (index % tileWidth) * hashBytes;
  return tile.subarray(at, at + hashBytes);
}

function notUnder(what: string) {
  return refuse('log_invalid', 'a tile of the log is not under its root', what);
}
