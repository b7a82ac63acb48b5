import { bodyLine } from '../../audit-verify/bodies.ts';
import { bodiesPath, policyPath, rootFolder, shardFolder } from '../../audit-verify/layout.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { Refusal } from '../../refusal.ts';
import { entriesPath, tilePath, tilesAfter, tileWidth } from '../../tlog/tile-paths.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import { logSource, type LogIdentity, type PublishedLog } from './log-source.ts';
import { scopePart } from './names.ts';
import type { Period, Segments, StoredLog } from './segments.ts';

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

interface Snapshot {
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
  const hot = logSource(segments, identity);
  const source = archived === undefined ? hot : readingBoth(hot, archived);
  const all = await snapshots(segments);
  const older = archived === undefined ? [] : await archivedPaths(archived, all);
  const tiles = all.flatMap(({ size }) => [...tilesAfter(0, size)]);
  const bundles = tiles.filter(({ level }) => level === 0).length;
  return {
    logs: all.filter(({ of }) => of !== undefined).length + older.length,
    count: 1 + all.length + tiles.length + bundles + older.flat().length,
    async *files() {
      yield file(policyPath, await wanted(source, policyPath));
      for (const each of all) {
        yield* logFiles(source, each);
        const { of, folder } = each;
        const disclosed = of !== undefined && [undefined, of.log.scope].includes(disclose?.scope);
        if (disclose !== undefined && disclosed) yield* bodiesOf(folder, of, disclose);
      }
      for (const path of older.flat()) yield file(path, await wanted(source, path));
    },
  };
}

/** A log at hand, and where it has nothing, one that is not. A month that goes there meanwhile is found there. */
export function readingBoth(hot: PublishedLog, archived: PublishedLog): PublishedLog {
  return { read: async (path) => (await hot.read(path)) ?? archived.read(path) };
}

/** Files of logs that are only in the archive, log by log. */
async function archivedPaths(
  archived: ArchivedFiles,
  all: readonly Snapshot[],
): Promise<readonly (readonly string[])[]> {
  const atHand = new Set(all.map(({ folder }) => folder));
  const paths: string[][] = [];
  for await (const { folder, files } of archived.folders())
    if (!atHand.has(folder)) paths.push(files.map((each) => `${folder}/${each}`));
  return paths;
}

async function snapshots(segments: Segments): Promise<readonly Snapshot[]> {
  const all: Snapshot[] = [];
  const add = (
    { note, notedSize }: Pick<StoredLog, 'note' | 'notedSize'>,
    rest: Pick<Snapshot, 'folder' | 'of'>,
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

/** Checkpoint, tiles and entries of one log, as it was when this was its checkpoint. */
export async function* logFiles(
  source: PublishedLog,
  { folder, note, size }: Pick<Snapshot, 'folder' | 'note' | 'size'>,
): AsyncGenerator<PublishedFile> {
  yield file(`${folder}/checkpoint`, Buffer.from(note));
  for (const tile of tilesAfter(0, size)) {
    const paths = [tilePath(tile), ...(tile.level === 0 ? [entriesPath(tile.index, tile.width)] : [])];
    for (const path of paths.map((each) => `${folder}/${each}`)) yield file(path, await wanted(source, path));
  }
}

async function wanted(source: PublishedLog, path: string): Promise<Uint8Array> {
  const bytes = await source.read(path);
  if (bytes === undefined) throw new Error(`the audit log lacks ${path}`);
  return bytes;
}

async function* bodiesOf(
  folder: string,
  { period, log }: NonNullable<Snapshot['of']>,
  { sealer, keyring }: Disclosure,
): AsyncGenerator<PublishedFile> {
  const keys = await keyring.find(log.scope);
  if (keys === undefined) return;
  for (let first = 0; first < log.notedSize; first += tileWidth) {
    const slices = await period.slices(log, first, tileWidth);
    const lines: string[] = [];
    for (const slice of slices.filter((each) => each.first < first + tileWidth)) {
      const bodies = await unlessShredded(openBodies(sealer, log, slice));
      if (bodies === undefined) return;
      slice.leaves.forEach((leaf, at) => {
        const [ix, body] = [slice.first + at, bodies[at]!];
        if (body === '' || ix >= log.notedSize) return;
        const { id } = JSON.parse(leaf) as { readonly id: string };
        lines.push(bodyLine(ix, keys.saltOf(id), body));
      });
    }
    if (lines.length === 0) continue;
    const path = `${folder}/${bodiesPath(first / tileWidth)}`;
    yield { path, bytes: Buffer.from(lines.join('')), bodies: lines.length };
  }
}

/** @returns `undefined` when the keys were destroyed */
async function unlessShredded<V>(opening: Promise<V>): Promise<V | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key_shredded') return undefined;
    throw error;
  }
}

function file(path: string, bytes: Uint8Array): PublishedFile {
  return { path, bytes, bodies: 0 };
}
