import { readEntries } from '../tlog/bundle.ts';
import { hashBytes } from '../tlog/hash.ts';
import { entriesPath, tilePath, tileWidth, type Tile } from '../tlog/tile-paths.ts';
import { bytesMax, type LogSource } from './source.ts';

// Tiles and bundles of one log, read from its folder. A partial one may be gone once the full one is there (C2SP tlog-tiles),
// so the full one is taken for it, cut.

/** `undefined`: not there. `false`: there, and not in its form. */
type Part<Value> = Value | undefined | false;

/** The entries of a bundle that should hold `width` of them. */
export async function readBundle(
  source: LogSource,
  folder: string,
  { index, width }: Pick<Tile, 'index' | 'width'>,
): Promise<Part<Uint8Array[]>> {
  const read = async (wide: number): Promise<Part<Uint8Array[]>> => {
    const bytes = await source.read(`${folder}/${entriesPath(index, wide)}`, bytesMax.bundle);
    if (bytes === undefined) return undefined;
    const entries = entriesOf(bytes);
    return entries?.length === wide && entries;
  };
  const found = await read(width);
  if (found !== undefined || width === tileWidth) return found;
  const full = await read(tileWidth);
  return full && full.slice(0, width);
}

/** The hashes of a tile, side by side. */
export async function readTile(source: LogSource, folder: string, tile: Tile): Promise<Part<Uint8Array>> {
  const read = async (width: number): Promise<Part<Uint8Array>> => {
    const bytes = await source.read(`${folder}/${tilePath({ ...tile, width })}`, bytesMax.tile);
    return bytes && bytes.length === width * hashBytes && bytes;
  };
  const found = await read(tile.width);
  if (found !== undefined || tile.width === tileWidth) return found;
  const full = await read(tileWidth);
  return full && full.subarray(0, tile.width * hashBytes);
}

function entriesOf(bundle: Uint8Array): Uint8Array[] | undefined {
  try {
    return readEntries(bundle);
  } catch {
    return undefined;
  }
}
