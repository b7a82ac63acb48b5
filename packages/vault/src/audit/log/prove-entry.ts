import { inclusionProof } from '../../tlog/prove.ts';
import { tlogProof } from '../../tlog/tlog-proof.ts';
import { uuid7Ms } from '../uuid7.ts';
import { publishedTile, type LogIdentity } from './log-source.ts';
import { originOf } from './names.ts';
import type { Segments } from './segments.ts';
import { standings, type Standing } from './standings.ts';

/** An entry, and why it is in the log. */
export interface ProvenEntry {
  /** The log it stands in (C2SP tlog-checkpoint). */
  readonly origin: string;
  /** Its place there. */
  readonly index: number;
  /** What stands there, exactly. */
  readonly leaf: string;
  /** Index, inclusion proof and signed checkpoint (C2SP tlog-proof). */
  readonly proof: string;
}

/** An id may be ahead of the entry's time, when many came in one millisecond. */
const aheadMs = 1000;

/**
 * The proof of one entry.
 *
 * @param scope a tenant; `undefined` looks in the logs of all
 * @param id of the entry: an attempt, or an outcome
 * @returns `undefined` when no published log has it
 * @throws Refusal `store_unavailable`
 */
export async function proveEntry(
  { segments, identity }: { readonly segments: Segments; readonly identity: LogIdentity },
  scope: string | undefined,
  id: string,
): Promise<ProvenEntry | undefined> {
  const found = await find(segments, scope, id);
  if (found === undefined) return undefined;
  const { period, log, ix: index } = found;
  const [slice] = await period.slices(log, index, 1);
  const leaf = slice?.leaves[index - slice.first];
  if (leaf === undefined) throw new Error(`${log.shard} lacks leaf ${index}`);
  const proof = await inclusionProof(index, log.notedSize, (tile) =>
    publishedTile(period, log, { of: 'tile', ...tile }),
  );
  return {
    origin: originOf(identity.deployment, log),
    index,
    leaf,
    proof: tlogProof({ index, proof, checkpoint: log.note! }),
  };
}

async function find(
  segments: Segments,
  scope: string | undefined,
  id: string,
): Promise<Standing | undefined> {
  const atMs = uuid7Ms(id);
  if (atMs === undefined) return undefined;
  const sought = { id, sinceMs: Math.max(0, atMs - aheadMs), untilMs: atMs + 1 };
  for await (const found of standings(segments, scope, sought))
    if (found.ix < found.log.notedSize) return found;
  return undefined;
}
