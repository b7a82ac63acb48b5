import type { TagName } from '../../leaf/log-keys.ts';
import type { CountQuery, IndexRow, RowCount } from '../segments.ts';
import type { LogTable } from './log-table.ts';
import { everyRow } from './row-items.ts';

/** How many rows of a log there are, by one of their tags. All rows of the time are read. */
export async function countRows(
  table: LogTable,
  part: string,
  query: CountQuery,
  by: TagName,
): Promise<readonly RowCount[]> {
  const { sinceMs = 0, untilMs = Infinity, below, flags, openFlags, without, counted } = query;
  const has = (row: IndexRow, bits: number): boolean => (row.flags & bits) === bits;
  const isMeant = (row: IndexRow): boolean =>
    row.ts >= sinceMs &&
    row.ts < untilMs &&
    row.ix < below &&
    has(row, flags) &&
    (row.flags & without) === 0 &&
    (row.end !== undefined || has(row, openFlags));
  const counts = new Map<number | undefined, RowCount>();
  for await (const rows of everyRow(table, part, { sinceMs, untilMs }))
    for (const row of rows.filter(isMeant)) {
      const tag = row.tags[by];
      const before = counts.get(tag);
      counts.set(tag, {
        tag,
        rows: (before?.rows ?? 0) + 1,
        counted: (before?.counted ?? 0) + (row.end !== undefined && has(row, counted) ? 1 : 0),
        // They come in the order of time.
        last: { ts: row.ts, ix: row.ix },
      });
    }
  return [...counts.values()];
}
