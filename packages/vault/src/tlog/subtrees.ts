import { refuse } from '../refusal.ts';
import { hashBytes, nodeHash, rootOver } from './hash.ts';
import { tilePath, tileWidth, widthOf, type Tile } from './tile-paths.ts';

// Roots of parts of a tree, read from its tiles. Tiles are taken as they are: whoever does not trust them checks the proof.

/** Gives a tile's bytes; `undefined` when it is not there. */
export type ReadTile = (tile: Tile) => Uint8Array | undefined | Promise<Uint8Array | undefined>;

/** The parts of one tree. */
export interface Subtrees {
  /** The root over the leaves from `from` up to, not with, `to`. `from` is a multiple of the largest power of 2 in the length. */
  rootOf(from: number, to: number): Promise<Buffer>;
}

/** Read a tree of `size` leaves. Each tile is read once, so this is for one proof. */
export function openSubtrees(size: number, readTile: ReadTile): Subtrees {
  const tiles = new Map<string, Promise<Uint8Array>>();
  function tileAt(level: number, index: number): Promise<Uint8Array> {
    const tile = { level, index, width: widthOf(index, Math.floor(size / tileWidth ** level)) };
    const path = tilePath(tile);
    const found = tiles.get(path) ?? readWhole(tile, readTile);
    tiles.set(path, found);
    return found;
  }
  return {
    async rootOf(from, to) {
      let at = from;
      const roots: Buffer[] = [];
      while (at < to) {
        const height = heightOf(to - at);
        const level = Math.floor(height / 8);
        const count = 2 ** (height % 8);
        const first = at / tileWidth ** level;
        const start = (first % tileWidth) * hashBytes;
        const tile = await tileAt(level, Math.floor(first / tileWidth));
        roots.push(rootOver(tile.subarray(start, start + count * hashBytes)));
        at += 2 ** height;
      }
      return roots.reduceRight((right, left) => nodeHash(left, right));
    },
  };
}

async function readWhole(tile: Tile, readTile: ReadTile): Promise<Uint8Array> {
  const bytes = await readTile(tile);
  if (bytes === undefined) throw refuse('log_invalid', 'a tile of the log is missing', tilePath(tile));
  if (bytes.length !== tile.width * hashBytes)
    throw refuse('log_invalid', 'a tile of the log has the wrong length', tilePath(tile));
  return bytes;
}

/** The height of the largest complete subtree over at most so many leaves. */
function heightOf(leaves: number): number {
  let height = 0;
  for (let rest = leaves; rest >= 2; rest = Math.floor(rest / 2)) height += 1;
  return height;
}
