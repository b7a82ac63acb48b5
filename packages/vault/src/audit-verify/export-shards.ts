import { leafHash, sameHash } from '../tlog/hash.ts';
import { openCheckpoint, type Checkpoint } from '../tlog/checkpoint.ts';
import { trustedLeaves, type TrustedLeaves } from '../tlog/trusted-tiles.ts';
import { Refusal } from '../refusal.ts';
import type { ExportShard } from './check-record.ts';
import type { ExportedLog, ExportManifest } from './export-form.ts';
import type { Findings } from './findings.ts';
import { parseShardOrigin, rootFolder, rootOrigin, shardFolder } from './layout.ts';
import { isClose, namedText } from './leaves.ts';
import { readTile } from './log-parts.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';
import type { Trust } from './trust.ts';

// The logs that exported entries stand in: each has a signed checkpoint, which the log over all logs states.

/** What is examined, and for whom. */
export interface ShardsParts {
  readonly source: LogSource;
  readonly trust: Trust;
  readonly findings: Findings;
}

interface Head extends Checkpoint {
  readonly leaves: TrustedLeaves;
}

/** The manifest's logs, in its order. `undefined` for one that is none of this deployment. */
export async function openExportShards(
  parts: ShardsParts,
  { logs }: Pick<ExportManifest, 'logs'>,
): Promise<readonly (ExportShard | undefined)[]> {
  const { trust, findings } = parts;
  const over =
    logs.length === 0 ? undefined : await openHead(parts, rootFolder, rootOrigin(trust.deployment));
  const shards: (ExportShard | undefined)[] = [];
  for (const log of logs) {
    const { origin } = log;
    const name = parseShardOrigin(trust.deployment, origin);
    if (name === undefined) {
      findings.add({ state: 'tampered', log: origin, says: 'the export names a log of another deployment' });
      shards.push(undefined);
      continue;
    }
    const head = await openHead(parts, shardFolder(name), origin);
    if (head !== undefined && over !== undefined) await checkNamed(parts, { over, head, log });
    const shard = { origin, name, head, seen: new Set<number>() };
    if (head !== undefined && log.close !== undefined) await checkClose(parts, head, log.close);
    shards.push(shard);
  }
  return shards;
}

async function openHead(
  { source, trust, findings }: ShardsParts,
  folder: string,
  origin: string,
): Promise<Head | undefined> {
  const path = `${folder}/checkpoint`;
  const bytes = await source.read(path, bytesMax.checkpoint);
  if (bytes === undefined) {
    findings.add({ state: 'incomplete', log: origin, path, says: 'the checkpoint of a log is missing' });
    return undefined;
  }
  try {
    const { size, root } = openCheckpoint(textOf(bytes) ?? '', { origin, vkeys: trust.vkeys });
    const leaves = trustedLeaves(
      size,
      root,
      async (tile) => (await readTile(source, folder, tile)) || undefined,
    );
    return { origin, size, root, leaves };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    findings.add({ state: 'tampered', log: origin, path, says: error.message });
    return undefined;
  }
}

async function checkNamed(
  { findings }: ShardsParts,
  { over, head, log }: { readonly over: Head; readonly head: Head; readonly log: ExportedLog },
): Promise<void> {
  const { origin, named } = log;
  if (named === undefined) {
    findings.add({
      state: 'incomplete',
      log: origin,
      says: 'it is not shown that the log over all logs states this log',
    });
    return;
  }
  const wanted = leafHash(Buffer.from(namedText(head)));
  const there = named < over.size && sameHash(await over.leaves.leafHash(named), wanted);
  if (!there)
    findings.add({ state: 'tampered', log: origin, says: 'the log over all logs states another log' });
}

async function checkClose(
  { findings }: ShardsParts,
  { origin, size, leaves }: Head,
  close: string,
): Promise<void> {
  const leaf = Buffer.from(close);
  if (size === 0 || !isClose(leaf) || !sameHash(await leaves.leafHash(size - 1), leafHash(leaf)))
    findings.add({
      state: 'tampered',
      log: origin,
      index: size - 1,
      says: 'the log does not end with what is said to close it',
    });
}
