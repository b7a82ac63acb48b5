import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { leafHash } from './hash.ts';
import { tilePath, type Tile } from './tile-paths.ts';
import { openTileWriter } from './tile-writer.ts';
import { tilesUnderRoot, trustedLeaves } from './trusted-tiles.ts';

const hashOf = (index: number) => leafHash(Buffer.from(`leaf ${index}`));

function treeOf(size: number) {
  const writer = openTileWriter();
  const tiles = new Map<string, Uint8Array>();
  for (let i = 0; i < size; i += 1) {
    writer.append(hashOf(i));
    for (const tile of writer.takeFull()) tiles.set(tilePath(tile), tile.bytes);
  }
  for (const tile of writer.partial()) tiles.set(tilePath(tile), tile.bytes);
  return { root: writer.root(), tiles };
}

describe.each([1, 2, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000])(
  'a tree of %i leaves',
  (size) => {
    const { root, tiles } = treeOf(size);
    const some = [...new Set([0, 1, 254, 255, 256, 300, 65_535, 65_536, size - 1])].filter((i) => i < size);

    test('gives its leaves to whoever knows the root, out of the tiles that are said to be needed and no others', async () => {
      for (const index of some) {
        const needed = new Set(tilesUnderRoot(size, [Math.floor(index / 256)]).map(tilePath));
        const read = (tile: Tile) => (needed.has(tilePath(tile)) ? tiles.get(tilePath(tile)) : undefined);
        const { leafHash: found } = trustedLeaves(size, root, read);
        assert.deepEqual(Buffer.from(await found(index)), hashOf(index));
      }
    });

    test('refuses every tile with a changed byte', async () => {
      for (const index of some) {
        const needed = tilesUnderRoot(size, [Math.floor(index / 256)]);
        for (const wrong of needed) {
          const read = (tile: Tile) => {
            const bytes = tiles.get(tilePath(tile));
            if (bytes === undefined || tilePath(tile) !== tilePath(wrong)) return bytes;
            const changed = Buffer.from(bytes);
            changed[(index * 32) % changed.length]! ^= 1;
            return changed;
          };
          await assert.rejects(trustedLeaves(size, root, read).leafHash(index), { code: 'log_invalid' });
        }
      }
    });
  },
);

test('a tile that is missing, or cut, is refused, and there is no leaf behind the last', async () => {
  const { root, tiles } = treeOf(600);
  const read = (change: (bytes: Uint8Array) => Uint8Array | undefined) => (tile: Tile) =>
    change(tiles.get(tilePath(tile))!);
  for (const change of [() => undefined, (bytes: Uint8Array) => bytes.subarray(32)])
    await assert.rejects(trustedLeaves(600, root, read(change)).leafHash(3), { code: 'log_invalid' });
  await assert.rejects(
    trustedLeaves(
      600,
      root,
      read((bytes) => bytes),
    ).leafHash(600),
    RangeError,
  );
});
