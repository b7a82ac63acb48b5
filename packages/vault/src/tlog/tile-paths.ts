// Where the tiles and entries of a log lie (C2SP tlog-tiles): `tile/<level>/<index>[.p/<width>]`, `tile/entries/…`, the index in
// groups of three digits. A tile of level L holds up to 256 roots of subtrees of 256^L leaves.

/** Hashes in a full tile, entries in a full bundle. */
export const tileWidth = 256;

/** Which part of a tree a tile holds. */
export interface Tile {
  readonly level: number;
  readonly index: number;
  /** Hashes in it: 1 to {@link tileWidth}; fewer than that only at the right edge. */
  readonly width: number;
}

/** `tile/0/x001/234.p/112`; a full tile has no width in its path. */
export function tilePath({ level, index, width }: Tile): string {
  return `tile/${level}/${indexPath(index)}${partial(width)}`;
}

/** `tile/entries/x001/234.p/112`: the bundle of the entries whose hashes stand in tile `index` of level 0. */
export function entriesPath(index: number, width: number): string {
  return `tile/entries/${indexPath(index)}${partial(width)}`;
}

/** An index as a path: `x001/x234/067` is 1,234,067. */
export function indexPath(index: number): string {
  const groups = [threeDigits(index % 1000)];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${threeDigits(rest % 1000)}`);
  return groups.join('/');
}

const form = /^tile\/(entries|0|[1-9]|[1-5]\d|6[0-3])\/((?:x\d{3}\/)*\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** What a path asks for; `undefined` when it is none that {@link tilePath} or {@link entriesPath} writes. */
export function parseTilePath(path: string): ({ readonly of: 'tile' | 'entries' } & Tile) | undefined {
  const [, what, groups, wide] = form.exec(path) ?? [];
  if (what === undefined || groups === undefined) return undefined;
  const index = Number(groups.replaceAll(/[x/]/g, ''));
  const width = wide === undefined ? tileWidth : Number(wide);
  const good = Number.isSafeInteger(index) && indexPath(index) === groups;
  if (!good || (wide !== undefined && width >= tileWidth)) return undefined;
  return what === 'entries'
    ? { of: 'entries', level: 0, index, width }
    : { of: 'tile', level: Number(what), index, width };
}

/**
 * Tiles that a tree of `newSize` leaves has and one of `oldSize` had not, or had narrower: level by level, from left to right.
 * From 0, all tiles of a tree.
 */
export function* tilesAfter(oldSize: number, newSize: number): Generator<Tile> {
  let [had, has] = [oldSize, newSize];
  for (let level = 0; has > 0; level += 1) {
    if (has > had)
      for (let index = Math.floor(had / tileWidth); index * tileWidth < has; index += 1)
        yield { level, index, width: widthOf(index, has) };
    had = Math.floor(had / tileWidth);
    has = Math.floor(has / tileWidth);
  }
}

/** How wide tile `index` is in a level of so many hashes. */
export function widthOf(index: number, hashes: number): number {
  return Math.min(tileWidth, hashes - index * tileWidth);
}

function partial(width: number): string {
  return width === tileWidth ? '' : `.p/${width}`;
}

function threeDigits(below1000: number): string {
  return String(below1000).padStart(3, '0');
}
