import { shardFolder } from '../../audit-verify/layout.ts';
import { inclusionProof } from '../../tlog/prove.ts';
import { tilePath } from '../../tlog/tile-paths.ts';
import { tlogProof } from '../../tlog/tlog-proof.ts';
import { logSource, type LogIdentity } from './log-source.ts';
import { monthOf, originOf, scopePart } from './names.ts';
import type { Period, Segments, StoredLog } from './segments.ts';

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

const rowsAtOnce = 256;
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
  const { period, log, index } = found;
  const [slice] = await period.slices(log, index, 1);
  const leaf = slice?.leaves[index - slice.first];
  if (leaf === undefined) throw new Error(`${log.shard} lacks leaf ${index}`);
  const source = logSource(segments, identity);
  const folder = shardFolder({ scope: scopePart(log.scope), month: log.shard });
  const tile = (of: Parameters<typeof tilePath>[0]) => source.read(`${folder}/${tilePath(of)}`);
  const proof = await inclusionProof(index, log.notedSize, tile);
  return {
    origin: originOf(identity.deployment, log),
    index,
    leaf,
    proof: tlogProof({ index, proof, checkpoint: log.note! }),
  };
}

interface Found {
  readonly period: Period;
  readonly log: StoredLog;
  readonly index: number;
}

async function find(segments: Segments, scope: string | undefined, id: string): Promise<Found | undefined> {
  const atMs = timeOf(id);
  if (atMs === undefined) return undefined;
  // One that waited for its tenant's keys stands in a later month.
  for (const name of await segments.periods()) {
    if (name < monthOf(atMs - aheadMs)) continue;
    const period = await segments.period(name);
    for (const log of await period.logs(scope === undefined ? undefined : [scope])) {
      const index = await indexOf(period, log, { id, atMs });
      if (index !== undefined && index < log.notedSize) return { period, log, index };
    }
  }
  return undefined;
}

async function indexOf(
  period: Period,
  log: StoredLog,
  { id, atMs }: { readonly id: string; readonly atMs: number },
): Promise<number | undefined> {
  const range = { sinceMs: Math.max(0, atMs - aheadMs), untilMs: atMs + 1, limit: rowsAtOnce };
  for (let after: { readonly ts: number; readonly ix: number } | undefined; ;) {
    const rows = await period.rows(log, {
      ...range,
      descending: true,
      ...(after === undefined ? {} : { after }),
    });
    const row = rows.find((each) => each.id === id);
    if (row !== undefined) return row.ix;
    after = rows.at(-1);
    if (rows.length < rowsAtOnce) return undefined;
  }
}

/** The time in a UUIDv7 (RFC 9562 §5.7), in milliseconds since 1970. `undefined` when it is none. */
function timeOf(id: string): number | undefined {
  if (!/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
