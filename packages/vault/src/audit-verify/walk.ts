import { sameHash } from '../tlog/hash.ts';
import { tilePath, tileWidth } from '../tlog/tile-paths.ts';
import { openTileWriter, type WrittenTile } from '../tlog/tile-writer.ts';
import { openLeafHashes, type WalkParts } from './leaf-hashes.ts';
import { readTile } from './log-parts.ts';

// Along a log from its first entry: everything is computed anew from the entries, and each tile compared with what came out.
// One bundle is held at a time, so a log of any length takes the same memory.

/** A walk that can be interrupted. */
export interface Walk {
  /** Go on until the tree has `size` leaves. @returns whether it got there; what stops it was told */
  to(size: number): Promise<boolean>;
  /** The root of the part that was walked. */
  root(): Uint8Array;
  /** At the end, compare the partial tiles. */
  finish(): Promise<void>;
  /** Let go of what can be read again. */
  rest(): void;
}

/** At the first entry. */
export function openWalk(parts: WalkParts): Walk {
  const { source, folder, see } = parts;
  const writer = openTileWriter();
  const leaves = openLeafHashes(parts);
  async function compare(tiles: readonly WrittenTile[]): Promise<void> {
    for (const tile of tiles) {
      const path = `${folder}/${tilePath(tile)}`;
      const found = await readTile(source, folder, tile);
      if (found === undefined) see({ state: 'incomplete', path, says: 'a tile of the log is missing' });
      else if (found === false || !sameHash(found, tile.bytes))
        see({ state: 'tampered', path, says: 'a tile is not that of the entries' });
    }
  }
  return {
    async to(end) {
      while (writer.size() < end) {
        const at = writer.size();
        const index = Math.floor(at / tileWidth);
        const hashes = await leaves.of(index);
        if (hashes === undefined) return false;
        const stop = Math.min(end, (index + 1) * tileWidth);
        for (let i = at; i < stop; i += 1) writer.append(hashes[i % tileWidth]!);
        await compare(writer.takeFull());
      }
      return true;
    },
    root: writer.root,
    finish: () => compare(writer.partial()),
    rest: leaves.rest,
  };
}
