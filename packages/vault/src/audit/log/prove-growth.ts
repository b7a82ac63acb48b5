import {
  parseShardOrigin,
  policyPath,
  rootFolder,
  rootOrigin,
  shardFolder,
} from '../../audit-verify/layout.ts';
import { refuse } from '../../refusal.ts';
import { parseCheckpoint } from '../../tlog/checkpoint.ts';
import { consistencyProof } from '../../tlog/prove.ts';
import { toBase64 } from '../../tlog/strict-text.ts';
import { tilePath } from '../../tlog/tile-paths.ts';
import type { PublishedLog } from './log-source.ts';

/** That a log, as it was, is the beginning of what it became (RFC 6962 §2.1.2). */
export interface GrowthProof {
  /** Which log (C2SP tlog-checkpoint). */
  readonly origin: string;
  /** Entries then. */
  readonly oldSize: number;
  /** Entries later. */
  readonly newSize: number;
  /** Hashes in base64, in the order of the RFC; empty when the two are the same, or the old one had no entry. */
  readonly proof: readonly string[];
}

/** Two states of a log. */
export interface Growth {
  /** `undefined`: the log over all logs. */
  readonly origin?: string | undefined;
  readonly oldSize: number;
  /** `undefined`: as it is published now. */
  readonly newSize?: number | undefined;
}

/**
 * The proof between two states of a published log.
 *
 * @returns `undefined` when there is no such log
 * @throws Refusal `item_invalid` for sizes that the log never had in this order; those of the log
 */
export async function proveGrowth(
  log: PublishedLog,
  { origin, oldSize, newSize: asked }: Growth,
): Promise<GrowthProof | undefined> {
  const found = await folderOf(log, origin);
  const note = found && (await log.read(`${found.folder}/checkpoint`));
  if (found === undefined || note === undefined) return undefined;
  const text = Buffer.from(note).toString('utf8');
  const { size } = parseCheckpoint(text.slice(0, text.indexOf('\n\n') + 1));
  const newSize = asked ?? size;
  if (oldSize > newSize || newSize > size)
    throw refuse('item_invalid', `the log has ${size} entries: from an older size to one that is not larger`);
  const proof = await consistencyProof(oldSize, newSize, (tile) =>
    log.read(`${found.folder}/${tilePath(tile)}`),
  );
  return { origin: found.origin, oldSize, newSize, proof: proof.map(toBase64) };
}

async function folderOf(
  log: PublishedLog,
  origin: string | undefined,
): Promise<{ readonly origin: string; readonly folder: string } | undefined> {
  const policy = await log.read(policyPath);
  if (policy === undefined) return undefined;
  const { deployment } = JSON.parse(Buffer.from(policy).toString('utf8')) as { readonly deployment: string };
  const root = rootOrigin(deployment);
  if (origin === undefined || origin === root) return { origin: root, folder: rootFolder };
  const shard = parseShardOrigin(deployment, origin);
  return shard && { origin, folder: shardFolder(shard) };
}
