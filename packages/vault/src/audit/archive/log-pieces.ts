import { indexPath, tileWidth } from '../../tlog/tile-paths.ts';
import { shardFolder } from '../../audit-verify/layout.ts';
import { blockSlices } from '../log/log-source.ts';
import { scopePart } from '../log/names.ts';
import { logFiles } from '../log/published-files.ts';
import type { Period, Segments, Slice, StoredLog } from '../log/segments.ts';
import { lookForClasses, type NewestOfClasses } from './newest-of-classes.ts';

/** A file of an archived log. */
export interface LogPiece {
  /** From the log's folder. */
  readonly path: string;
  readonly bytes: Buffer;
}

/** A log whose last checkpoint is to be archived. */
export type NotedLog = StoredLog & { readonly note: string };

/** What pieces are made from. */
export interface PieceParts {
  readonly segments: Segments;
}

/**
 * Every piece of a log: checkpoint, tiles, entries, and the sealed bodies as they lie. The same log gives the same pieces.
 *
 * @throws Refusal `store_unavailable`
 */
export async function* logPieces(
  { segments }: PieceParts,
  period: Period,
  log: NotedLog,
): AsyncGenerator<LogPiece> {
  const folder = shardFolder({ scope: scopePart(log.scope), month: log.shard });
  const files = logFiles(segments, { folder, note: log.note, size: log.notedSize, of: { period, log } });
  for await (const { path, bytes } of files)
    yield { path: path.slice(folder.length + 1), bytes: Buffer.from(bytes) };
  for (let first = 0; first < log.notedSize; first += tileWidth) {
    const slices = await blockSlices(period, log, first / tileWidth);
    const lines = slices.map(sealedLine).join('');
    if (lines !== '') yield { path: sealedPath(first / tileWidth), bytes: Buffer.from(lines) };
  }
}

/** When the newest entry of each class in a log was written. @throws Refusal `store_unavailable` */
export async function newestIn(period: Period, log: NotedLog): Promise<NewestOfClasses> {
  const classes = lookForClasses();
  for (let first = 0; first < log.notedSize; first += tileWidth) {
    const leaves = (await blockSlices(period, log, first / tileWidth)).flatMap((slice) => slice.leaves);
    for (const leaf of leaves.slice(0, log.notedSize - first)) classes.see(leaf);
  }
  return classes.newest();
}

/** Where the sealed bodies of a bundle lie. */
function sealedPath(bundle: number): string {
  return `sealed/${indexPath(bundle)}.jsonl`;
}

/** Bodies that were sealed together: they open under the tenant's key, for this log, and these places in it. */
function sealedLine({ first, leaves, bodies }: Slice): string {
  if (bodies === undefined) return '';
  return `${JSON.stringify({ first, count: leaves.length, bodies: Buffer.from(bodies).toString('base64') })}\n`;
}
