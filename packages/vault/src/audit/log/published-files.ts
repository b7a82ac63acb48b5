import { bodyLine } from '../../audit-verify/bodies.ts';
import { bodiesPath, policyPath, rootFolder, shardFolder } from '../../audit-verify/layout.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { entriesPath, tilePath, tilesAfter, tileWidth, type Tile } from '../../tlog/tile-paths.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import {
  blockSlices,
  policyBytes,
  publishedTile,
  type LogIdentity,
  type PublishedLog,
} from './log-source.ts';
import { scopePart } from './names.ts';
import { rootLog, type Period, type Segments, type StoredLog } from './segments.ts';
import { unlessShredded } from './unless-shredded.ts';

// All files of the published log, as it is at one moment. What was published stays as it was, so whoever takes them may take
// as long as it needs, and the log goes on meanwhile.

/** What is disclosed besides what anybody may see. */
export interface Disclosure {
  /** Whose entries; `undefined`: everybody's. */
  readonly scope: string | undefined;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly keyring: LogKeyring;
}

/** One file. */
export interface PublishedFile {
  /** From the log's folder, with `/`. */
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Entries whose bodies stand in it. */
  readonly bodies: number;
}

/** The log at one moment. */
export interface PublishedFiles {
  /** Logs, the one over all logs not among them. */
  readonly logs: number;
  /** Files, those of bodies not among them. */
  readonly count: number;
  /**
   * Each file.
   *
   * @throws Refusal `key_disabled`, `key_unavailable`, `store_unavailable`. Bodies whose keys were destroyed are left out.
   */
  files(): AsyncGenerator<PublishedFile>;
}

/** Logs that are not at hand any more, and can still be read. */
export interface ArchivedFiles extends PublishedLog {
  /** Each log's folder, and its files from there; the sealed ones not among them. */
  folders(): AsyncIterable<{ readonly folder: string; readonly files: readonly string[] }>;
}

/** A log as it was published last. */
export interface LogSnapshot {
  /** Of its files, from the log's own. */
  readonly folder: string;
  readonly note: string;
  readonly size: number;
  /** `undefined` for the root log. */
  readonly of: { readonly period: Period; readonly log: StoredLog } | undefined;
}

/**
 * Note what is published. Nothing may be published while this runs: the root log must not state more than the others have.
 *
 * @param archived logs that are not at hand; bodies of those are not disclosed
 * @throws Refusal `store_unavailable`
 */
export async function publishedFiles(
  segments: Segments,
  identity: LogIdentity,
  disclose?: Disclosure,
  archived?: ArchivedFiles,
): Promise<PublishedFiles> {
  const all = await snapshots(segments);
  const older = archived === undefined ? [] : await archivedPaths(archived, all);
  const tiles = all.flatMap(({ size }) => [...tilesAfter(0, size)]);
  const bundles = tiles.filter(({ level }) => level === 0).length;
  return {
    logs: all.filter(({ of }) => of !== undefined).length + older.length,
    count: 1 + all.length + tiles.length + bundles + older.flat().length,
    async *files() {
      yield file(policyPath, policyBytes(identity));
      for (const each of all) {
        yield* logFiles(segments, each, archived);
        const { of, folder } = each;
        const disclosed = of !== undefined && [undefined, of.log.scope].includes(disclose?.scope);
        if (disclose !== undefined && disclosed) yield* bodiesOf(folder, of, disclose);
      }
      for (const path of older.flat()) yield file(path, present(path, await archived?.read(path)));
    },
  };
}

/** Files of logs that are only in the archive, log by log. */
async function archivedPaths(
  archived: ArchivedFiles,
  all: readonly LogSnapshot[],
): Promise<readonly (readonly string[])[]> {
  const atHand = new Set(all.map(({ folder }) => folder));
  const paths: string[][] = [];
  for await (const { folder, files } of archived.folders())
    if (!atHand.has(folder)) paths.push(files.map((each) => `${folder}/${each}`));
  return paths;
}

async function snapshots(segments: Segments): Promise<readonly LogSnapshot[]> {
  const all: LogSnapshot[] = [];
  const add = (
    { note, notedSize }: Pick<StoredLog, 'note' | 'notedSize'>,
    rest: Pick<LogSnapshot, 'folder' | 'of'>,
  ) => {
    if (note !== undefined) all.push({ ...rest, note, size: notedSize });
  };
  add(await segments.root.head(), { folder: rootFolder, of: undefined });
  for (const name of await segments.periods()) {
    const period = await segments.period(name);
    for (const log of await period.logs())
      add(log, {
        folder: shardFolder({ scope: scopePart(log.scope), month: log.shard }),
        of: { period, log },
      });
  }
  return all;
}

/**
 * Checkpoint, tiles and entries of one log, as it was when this was its checkpoint.
 *
 * @param archived where a month is that was dropped meanwhile
 */
export async function* logFiles(
  { root, periods }: Pick<Segments, 'root' | 'periods'>,
  { folder, note, size, of }: LogSnapshot,
  archived?: PublishedLog,
): AsyncGenerator<PublishedFile> {
  const [reads, name] = of === undefined ? [root, rootLog] : [of.period, of.log];
  const log = { ...name, notedSize: size };
  const isAtHand = async () => of === undefined || (await periods()).includes(of.period.name);
  const wanted = async (kind: 'tile' | 'entries', tile: Tile): Promise<PublishedFile> => {
    const path = `${folder}/${kind === 'tile' ? tilePath(tile) : entriesPath(tile.index, tile.width)}`;
    const hot = (await isAtHand()) ? await publishedTile(reads, log, { of: kind, ...tile }) : undefined;
    return file(path, present(path, hot ?? (await archived?.read(path))));
  };
  yield file(`${folder}/checkpoint`, Buffer.from(note));
  for (const tile of tilesAfter(0, size)) {
    yield wanted('tile', tile);
    if (tile.level === 0) yield wanted('entries', tile);
  }
}

async function* bodiesOf(
  folder: string,
  { period, log }: NonNullable<LogSnapshot['of']>,
  { sealer, keyring }: Disclosure,
): AsyncGenerator<PublishedFile> {
  const keys = await keyring.find(log.scope);
  if (keys === undefined) return;
  for (let block = 0; block * tileWidth < log.notedSize; block += 1) {
    const lines: string[] = [];
    for (const slice of await blockSlices(period, log, block)) {
      const bodies = await unlessShredded(openBodies(sealer, log, slice), () => undefined);
      if (bodies === undefined) return;
      slice.leaves.forEach((leaf, at) => {
        const [ix, body] = [slice.first + at, bodies[at]!];
        if (body === '' || ix >= log.notedSize) return;
        const { id } = JSON.parse(leaf) as { readonly id: string };
        lines.push(bodyLine(ix, keys.saltOf(id), body));
      });
    }
    if (lines.length === 0) continue;
    const path = `${folder}/${bodiesPath(block)}`;
    yield { path, bytes: Buffer.from(lines.join('')), bodies: lines.length };
  }
}

function present(path: string, bytes: Uint8Array | undefined): Uint8Array {
  if (bytes === undefined) throw new Error(`the audit log lacks ${path}`);
  return bytes;
}

function file(path: string, bytes: Uint8Array): PublishedFile {
  return { path, bytes, bodies: 0 };
}
