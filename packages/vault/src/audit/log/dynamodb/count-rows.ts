import type { TagName } from '../../leaf/log-keys.ts';
import type { CountQuery, IndexRow, RowCount } from '../segments.ts';
import type { LogTable } from './log-table.ts';
import { everyRow } from './row-items.ts';

/** How many rows of a log there are, by some of their tags. All rows of the time are read. */
export async function countRows(
  table: LogTable,
  part: string,
  query: CountQuery,
  by: readonly TagName[],
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
  const counts = new Map<string, RowCount>();
  for await (const rows of everyRow(table, part, { sinceMs, untilMs }))
    for (const row of rows.filter(isMeant)) {
      const tags = by.map((name) => row.tags[name]);
      const key = tags.join();
      const before = counts.get(key);
      counts.set(key, {
        tags,
        rows: (before?.rows ?? 0) + 1,
        counted: (before?.counted ?? 0) + (row.end !== undefined && has(row, counted) ? 1 : 0),
        // They come in the order of time.
        last: { ts: row.ts, ix: row.ix },
      });
    }
  return [...counts.values()];
}
