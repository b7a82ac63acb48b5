import { openFrontier, type FrontierState } from './frontier.ts';
import { hashBytes, rootOver } from './hash.ts';
import { tileWidth, type Tile } from './tile-paths.ts';

// Writes the tiles of a growing log: full ones as they fill, partial ones of whatever size is published. A full tile's root
// goes into the level above; a partial tile's never does.

/** A tile and its bytes: the hashes side by side. */
export interface WrittenTile extends Tile {
  readonly bytes: Buffer;
}

/** What a {@link TileWriter} goes on from. */
export interface TileRows {
  /** Leaves of the tree. */
  readonly size: number;
  /** The partial tile of each level, level 0 first; empty where the level ends with a full tile. */
  readonly rows: readonly Uint8Array[];
}

/** The right edge of one log. */
export interface TileWriter {
  append(leafHash: Uint8Array): void;
  size(): number;
  /** The root of the tree as it is now. */
  root(): Uint8Array;
  /** Tiles that have become full since this was last asked, each below before above. */
  takeFull(): WrittenTile[];
  /** The partial tiles of the size now: they are written when it is published. */
  partial(): WrittenTile[];
  /** A copy to go on from. Full tiles that were not taken are lost to it. */
  state(): TileRows;
}

/**
 * Go on with a log.
 *
 * @throws RangeError when these are not the partial tiles of a log of this size
 */
export function openTileWriter(from: TileRows = { size: 0, rows: [] }): TileWriter {
  const levels: Row[] = [];
  const full: WrittenTile[] = [];
  const frontier = openFrontier(frontierOf(from));
  for (const [level, bytes] of from.rows.entries()) rowOf(level).take(bytes);
  function rowOf(level: number): Row {
    return (levels[level] ??= openRow(Math.floor(from.size / tileWidth ** (level + 1))));
  }
  function put(level: number, root: Uint8Array): void {
    const tile = rowOf(level).put(root);
    if (tile !== undefined) full.push({ level, ...tile });
  }
  return {
    append(leafHash) {
      put(0, leafHash);
      frontier.append(leafHash, (height, root) => {
        if (height % 8 === 0) put(height / 8, root);
      });
    },
    size: frontier.size,
    root: frontier.root,
    takeFull: () => full.splice(0),
    partial: () =>
      levels.flatMap((row, level) => {
        const { index, width, bytes } = row.now();
        return width === 0 ? [] : [{ level, index, width, bytes }];
      }),
    state: () => ({ size: frontier.size(), rows: levels.map((row) => row.now().bytes) }),
  };
}

interface Row {
  take(bytes: Uint8Array): void;
  put(hash: Uint8Array): Omit<WrittenTile, 'level'> | undefined;
  now(): Omit<WrittenTile, 'level'>;
}

/** The last tile of a level. @param index how many full ones lie before it */
function openRow(index: number): Row {
  let bytes = Buffer.alloc(tileWidth * hashBytes);
  let width = 0;
  return {
    take(hashes) {
      bytes.set(hashes);
      width = hashes.length / hashBytes;
    },
    put(hash) {
      bytes.set(hash, width * hashBytes);
      width += 1;
      if (width < tileWidth) return undefined;
      const filled = { index, width, bytes };
      bytes = Buffer.alloc(tileWidth * hashBytes);
      width = 0;
      index += 1;
      return filled;
    },
    now: () => ({ index, width, bytes: Buffer.from(bytes.subarray(0, width * hashBytes)) }),
  };
}

/**
 * The complete subtrees of a tree from its partial tiles: a tile of 5 hashes is one subtree over 4 of them and one over 1.
 *
 * @throws RangeError when these are not the partial tiles of a log of this size
 */
function frontierOf({ size, rows }: TileRows): FrontierState {
  const hashes: Uint8Array[] = [];
  const widths: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / tileWidth)) widths.push(rest % tileWidth);
  const fits =
    rows.length <= widths.length &&
    widths.every((width, level) => width * hashBytes === (rows[level]?.length ?? 0));
  if (!fits) throw new RangeError(`these are not the partial tiles of a log of ${size} entries`);
  for (let level = widths.length - 1; level >= 0; level -= 1) {
    let at = 0;
    for (let bit = tileWidth / 2; bit >= 1; bit /= 2) {
      if ((widths[level]! & bit) === 0) continue;
      hashes.push(rootOver(rows[level]!.subarray(at * hashBytes, (at + bit) * hashBytes)));
      at += bit;
    }
  }
  return { size, hashes };
}
