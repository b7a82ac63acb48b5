import { isClose, namedText } from '../../audit-verify/leaves.ts';
import type { ExportedLog, ExportRecord } from '../../audit-verify/export-form.ts';
import { policyPath, rootFolder, shardFolder } from '../../audit-verify/layout.ts';
import { parseCheckpoint } from '../../tlog/checkpoint.ts';
import { tilePath, tileWidth } from '../../tlog/tile-paths.ts';
import { tilesUnderRoot } from '../../tlog/trusted-tiles.ts';
import type { Entry } from '../entry.ts';
import { openRecords, type RecordParts } from './entry-records.ts';
import { blockSlices, policyBytes, publishedTile, type LogIdentity } from './log-source.ts';
import { originOf, scopePart } from './names.ts';
import { placesOf } from './places.ts';
import type { PublishedFile } from './published-files.ts';
import { rootLog, type LogReads, type Period, type Segments, type StoredLog } from './segments.ts';
import { turn } from './turns.ts';

// What proves the entries of an export: first a record of each, then, when all are known, the checkpoints and the tiles over
// them. The log may grow meanwhile: what is taken at the end covers what was found before.

/** Proofs of one export. */
export interface EntryProofs {
  /**
   * A record of each entry, in their order.
   *
   * @throws Refusal `key_disabled`, `key_unavailable`, `open_failed`, `store_unavailable`
   */
  records(entries: readonly Entry[]): Promise<readonly ExportRecord[]>;
  /** Origins of the logs of records so far, by their numbers. */
  origin(log: number): string;
  /** The logs of all records, and what proves them. Called last. @throws Refusal `store_unavailable` */
  finish(): Promise<{ readonly logs: readonly ExportedLog[]; files(): AsyncGenerator<PublishedFile> }>;
}

/** What proofs are made with. */
export interface EntryProofParts extends RecordParts {
  readonly segments: Segments;
  readonly identity: LogIdentity;
  /** Seals and publishes what the journal holds; a failure leaves entries without a proof. */
  readonly catchUp: () => Promise<unknown>;
  readonly now: () => number;
}

/** An entry may have got its time a moment before it was in the journal. */
const justNowMs = 5000;

interface UsedLog {
  readonly period: Period;
  readonly log: StoredLog;
  readonly blocks: Set<number>;
}

/** Proofs for one export, from the log as it grows. */
export function openEntryProofs(parts: EntryProofParts): EntryProofs {
  const { segments, identity, catchUp, now } = parts;
  const used = new Map<string, { readonly number: number } & UsedLog>();
  const recordOf = openRecords(parts);
  let caughtUpAtMs = -Infinity;
  async function places(entries: readonly Entry[]) {
    const found = await placesOf(segments, entries);
    const missing = entries.filter(({ id }) => !found.has(id));
    // What came since may be sealed now; what is older waits for keys, or for a fault to be mended.
    if (!missing.some(({ ts }) => ts >= caughtUpAtMs - justNowMs)) return found;
    caughtUpAtMs = now();
    await catchUp();
    return new Map([...found, ...(await placesOf(segments, missing))]);
  }
  return {
    origin: (number) => {
      const { log } = [...used.values()][number]!;
      return originOf(identity.deployment, log);
    },
    async records(entries) {
      const found = await places(entries);
      const records: ExportRecord[] = [];
      for (const entry of entries) {
        const standing = found.get(entry.id);
        if (standing === undefined) {
          records.push({ entry: { ...entry } });
          continue;
        }
        const { period, log, ix } = standing;
        const key = originOf(identity.deployment, log);
        const known = used.get(key) ?? { number: used.size, period, log, blocks: new Set<number>() };
        used.set(key, known);
        known.blocks.add(Math.floor(ix / tileWidth));
        records.push(await recordOf(entry, standing, known.number));
      }
      return records;
    },
    finish: () => finish(segments, identity, [...used.values()]),
  };
}

interface FinalLog extends UsedLog {
  readonly origin: string;
  readonly close: string | undefined;
  named: number | undefined;
}

async function finish(
  segments: Segments,
  identity: LogIdentity,
  used: readonly UsedLog[],
): ReturnType<EntryProofs['finish']> {
  const logs: FinalLog[] = [];
  for (const each of used) logs.push(await finalOf(identity, each));
  // Taken after the others, it states them all.
  const root = { ...rootLog, ...(await segments.root.head()) };
  const rootBlocks = await findStated(segments, root.notedSize, logs);
  return {
    logs: logs.map(({ origin, named, close }) => ({
      origin,
      ...(named === undefined ? {} : { named }),
      ...(close === undefined ? {} : { close }),
    })),
    async *files() {
      yield file(policyPath, policyBytes(identity));
      yield* filesOf({ reads: segments.root, log: root, blocks: rootBlocks }, rootFolder);
      for (const { period: reads, log, blocks } of logs)
        yield* filesOf(
          { reads, log, blocks },
          shardFolder({ scope: scopePart(log.scope), month: log.shard }),
        );
    },
  };
}

async function finalOf(identity: LogIdentity, { period, log: before, blocks }: UsedLog): Promise<FinalLog> {
  const all = await period.logs([before.scope]);
  const log = all.find(({ shard }) => shard === before.shard) ?? before;
  const ended = log.closed && log.size === log.notedSize;
  const last = ended ? await leafAt(period, log, log.size - 1) : undefined;
  const close = last !== undefined && isClose(Buffer.from(last)) ? last : undefined;
  // The one that closes it is shown to be its last.
  const shown = close === undefined ? blocks : new Set([...blocks, Math.floor((log.size - 1) / tileWidth)]);
  return { period, log, blocks: shown, origin: originOf(identity.deployment, log), close, named: undefined };
}

async function leafAt(reads: LogReads, log: StoredLog, ix: number): Promise<string | undefined> {
  const [slice] = await reads.slices(log, ix, 1);
  return slice?.leaves[ix - slice.first];
}

/** Where the log over all logs states what they are now, from its end backwards. @returns the blocks of those entries */
async function findStated(segments: Segments, size: number, logs: readonly FinalLog[]): Promise<Set<number>> {
  const blocks = new Set<number>();
  const wanted = new Map(
    logs.flatMap((each) => {
      const { note } = each.log;
      return note === undefined ? [] : [[namedText(parseCheckpoint(textIn(note))), each] as const];
    }),
  );
  for (let block = Math.ceil(size / tileWidth) - 1; block >= 0 && wanted.size > 0; block -= 1) {
    for (const slice of await blockSlices(segments.root, rootLog, block))
      slice.leaves.forEach((leaf, at) => {
        const log = wanted.get(leaf);
        if (log === undefined || slice.first + at >= size) return;
        log.named = slice.first + at;
        wanted.delete(leaf);
        blocks.add(block);
      });
    if (block % 32 === 0) await turn();
  }
  return blocks;
}

/** What a note signs: all up to the empty line. */
function textIn(note: string): string {
  return note.slice(0, note.indexOf('\n\n') + 1);
}

async function* filesOf(
  {
    reads,
    log,
    blocks,
  }: {
    readonly reads: LogReads;
    readonly log: Pick<StoredLog, 'scope' | 'shard' | 'note' | 'notedSize'>;
    readonly blocks: Iterable<number>;
  },
  folder: string,
): AsyncGenerator<PublishedFile> {
  if (log.note === undefined) return;
  yield file(`${folder}/checkpoint`, Buffer.from(log.note));
  for (const tile of tilesUnderRoot(log.notedSize, blocks)) {
    const path = `${folder}/${tilePath(tile)}`;
    const bytes = await publishedTile(reads, log, { of: 'tile', ...tile });
    if (bytes === undefined) throw new Error(`the audit log lacks ${path}`);
    yield file(path, bytes);
  }
}

function file(path: string, bytes: Uint8Array): PublishedFile {
  return { path, bytes, bodies: 0 };
}
