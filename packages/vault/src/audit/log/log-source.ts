import { packEntries } from '../../tlog/bundle.ts';
import { hashBytes, leafHash } from '../../tlog/hash.ts';
import { parseTilePath, tileWidth } from '../../tlog/tile-paths.ts';
import { policyPath, rootFolder } from '../../audit-verify/layout.ts';
import { scopeIn, scopePart } from './names.ts';
import { rootLog, type LogName, type LogReads, type Segments, type Slice } from './segments.ts';

// The log as a tree of paths (C2SP tlog-tiles), for whoever checks it:
//
//   policy.json · root/… · logs/<scope>/<shard>/…, each with checkpoint, tile/<level>/<n>[.p/<width>], tile/entries/<n>[.p/<width>]
//
// Nothing is shown beyond the last published checkpoint.

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
export function logSource(segments: Segments, identity: LogIdentity): PublishedLog {
  return {
    async read(path) {
      if (path === policyPath) return policyBytes(identity);
      const found = await locate(segments, path);
      if (found?.log.note === undefined) return undefined;
      if (found.file === 'checkpoint') return Buffer.from(found.log.note);
      const tile = parseTilePath(found.file);
      return tile && publishedTile(found.reads, found.log, tile);
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
  if (path.startsWith(`${rootFolder}/`)) {
    const log = { ...rootLog, ...(await segments.root.head()) };
    return { reads: segments.root, log, file: path.slice(rootFolder.length + 1) };
  }
  const [, part, shard, file] = /^logs\/([^/]+)\/(\d{6}(?:-\d+)?)\/(.+)$/.exec(path) ?? [];
  if (part === undefined || shard === undefined || file === undefined) return undefined;
  const month = shard.slice(0, 6);
  if (!(await segments.periods()).includes(month)) return undefined;
  const period = await segments.period(month);
  const scope = scopeIn(part);
  const logs = await period.logs(scope === undefined ? undefined : [scope]);
  const log = logs.find((each) => each.shard === shard && scopePart(each.scope) === part);
  return log && { reads: period, log, file };
}

/** What stands in a log's `policy.json`. */
export function policyBytes({ deployment, vkeys }: LogIdentity): Uint8Array {
  return Buffer.from(JSON.stringify({ v: 1, deployment, vkeys }));
}

/** The bytes of a tile, or of the entries below it; `undefined` when that many are not published. */
export async function publishedTile(
  reads: LogReads,
  log: LogName & { readonly notedSize: number },
  { of, level, index, width }: NonNullable<ReturnType<typeof parseTilePath>>,
): Promise<Uint8Array | undefined> {
  if (index * tileWidth + width > Math.floor(log.notedSize / tileWidth ** level)) return undefined;
  if (level > 0) return (await reads.tile(log, level, index))?.subarray(0, width * hashBytes);
  const slices = await blockSlices(reads, log, index);
  const leaves = slices.flatMap((slice) => slice.leaves.map((leaf) => Buffer.from(leaf))).slice(0, width);
  return of === 'entries' ? packEntries(leaves) : Buffer.concat(leaves.map((leaf) => leafHash(leaf)));
}

/** Slices of a block of 256 leaves, in order. */
export async function blockSlices(reads: LogReads, log: LogName, block: number): Promise<readonly Slice[]> {
  const first = block * tileWidth;
  return (await reads.slices(log, first, tileWidth)).filter((slice) => slice.first < first + tileWidth);
}
