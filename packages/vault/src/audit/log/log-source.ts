import { scopeOfPart } from './names.ts';
import { rootLog, type LogName, type LogReads, type Segments } from './segments.ts';
import { leafHash } from './tree.ts';

// The log as a tree of paths (C2SP tlog-tiles), for whoever checks it:
//
//   policy.json · root/… · logs/<scope>/<shard>/…, each with checkpoint, tile/<level>/<n>[.p/<width>], tile/entries/<n>[.p/<width>]
//
// Nothing is shown beyond the last published checkpoint.

const width = 256;

/** Answers for paths. */
export interface PublishedLog {
  /** The file's bytes. `undefined`: there is no such path, or not yet. */
  read(path: string): Promise<Uint8Array | undefined>;
}

/** What the log says of itself. */
export interface LogIdentity {
  readonly deployment: string;
  readonly vkeys: readonly string[];
}

/** The published log over these segments. */
export function logSource(segments: Segments, { deployment, vkeys }: LogIdentity): PublishedLog {
  return {
    async read(path) {
      if (path === 'policy.json') return Buffer.from(JSON.stringify({ v: 1, deployment, vkeys }));
      const found = await locate(segments, path);
      if (found?.log.note === undefined) return undefined;
      if (found.file === 'checkpoint') return Buffer.from(found.log.note);
      const tile = tileOf(found.file);
      return tile && readTile(found.reads, found.log, tile);
    },
  };
}

interface Located {
  readonly reads: LogReads;
  readonly log: LogName & { readonly note: string | undefined; readonly notedSize: number };
  /** The path within the log. */
  readonly file: string;
}

async function locate(segments: Segments, path: string): Promise<Located | undefined> {
  const inRoot = /^root\/(.+)$/.exec(path);
  if (inRoot !== null)
    return {
      reads: segments.root,
      log: { ...rootLog, ...(await segments.root.head()) },
      file: inRoot[1]!,
    };
  const [, part, shard, file] = /^logs\/([^/]+)\/(\d{6}(?:-\d+)?)\/(.+)$/.exec(path) ?? [];
  const scope = part === undefined ? undefined : scopeOfPart(part);
  if (scope === undefined || shard === undefined || file === undefined) return undefined;
  const month = shard.slice(0, 6);
  if (!(await segments.periods()).includes(month)) return undefined;
  const period = await segments.period(month);
  const log = (await period.logs([scope])).find((each) => each.shard === shard);
  return log && { reads: period, log, file };
}

/** A tile: hashes of one level, or the entries. */
interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/** Read a path such as `tile/0/x001/067.p/5`. One that is written in another way is none. */
function tileOf(file: string): Tile | undefined {
  const found = /^tile\/(\d{1,2}|entries)\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,3}))?$/.exec(file);
  if (found === null) return undefined;
  const level = found[1] === 'entries' ? 'entries' : Number(found[1]);
  const index = Number(found[2]!.replaceAll(/[x/]/g, ''));
  const tile: Tile = { level, index, width: found[3] === undefined ? width : Number(found[3]) };
  const partial = found[3] === undefined || (tile.width > 0 && tile.width < width);
  return partial && tilePath(tile) === file ? tile : undefined;
}

/** The path of a tile within its log. */
export function tilePath({ level, index, width: wide }: Tile): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const parts = digits.match(/\d{3}/g)!;
  const number = parts.map((part, at) => (at < parts.length - 1 ? `x${part}` : part)).join('/');
  return `tile/${level}/${number}${wide === width ? '' : `.p/${wide}`}`;
}

/** Paths of all tiles of a log of this size, but for those of which a wider one is listed. */
export function tilesOf(size: number): readonly Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0, count = size; count > 0; level += 1, count = Math.floor(count / width))
    for (let index = 0; index * width < count; index += 1) {
      const tile = { level, index, width: Math.min(width, count - index * width) };
      tiles.push(tile);
      if (level === 0) tiles.push({ ...tile, level: 'entries' });
    }
  return tiles;
}

async function readTile(reads: LogReads, log: Located['log'], tile: Tile): Promise<Uint8Array | undefined> {
  const { level, index, width: wide } = tile;
  const below = level === 'entries' ? 0 : level;
  if (below > 6 || index * width + wide > Math.floor(log.notedSize / width ** below)) return undefined;
  if (level !== 0 && level !== 'entries') {
    const hashes = await reads.tile(log, level, index);
    return hashes !== undefined && hashes.length >= wide * 32 ? hashes.subarray(0, wide * 32) : undefined;
  }
  const leaves = (await leavesOf(reads, log, index * width)).slice(0, wide);
  if (leaves.length < wide) return undefined;
  return Buffer.concat(leaves.map((leaf) => (level === 0 ? leafHash(leaf) : lengthThen(leaf))));
}

async function leavesOf(reads: LogReads, log: LogName, first: number): Promise<readonly Buffer[]> {
  const slices = (await reads.slices(log, first, width)).filter((slice) => slice.first < first + width);
  return slices.flatMap(({ leaves }) => leaves.map((leaf) => Buffer.from(leaf)));
}

function lengthThen(leaf: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(leaf.length);
  return Buffer.concat([length, leaf]);
}
