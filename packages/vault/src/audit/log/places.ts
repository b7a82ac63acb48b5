import type { Entry } from '../entry.ts';
import { monthOf } from './names.ts';
import type { IndexRow, Period, Segments, StoredLog } from './segments.ts';
import type { Standing } from './standings.ts';

// Where many entries stand. They are looked for in the order of their times, with rows of the index that are read ahead: of
// entries that lie beside each other each row is read once, and where they lie far apart one look a row is made.

const rowsAtOnce = 256;

/**
 * Where entries stand in logs that were published; those that stand nowhere are left out.
 *
 * @throws Refusal `store_unavailable`
 */
export async function placesOf(
  segments: Segments,
  entries: readonly Entry[],
): Promise<Map<string, Standing>> {
  const found = new Map<string, Standing>();
  const periods = await segments.periods();
  for (const [tenant, own] of Map.groupBy(entries, (entry) => entry.tenant)) {
    let left = own.toSorted((a, b) => a.ts - b.ts);
    for (const name of periods) {
      // One that waited for its tenant's keys stands in a later month.
      const here = left.filter(({ ts }) => monthOf(ts) <= name);
      if (here.length === 0) continue;
      const period = await segments.period(name);
      for (const log of await period.logs([tenant])) await findIn(period, log, here, found);
      left = left.filter(({ id }) => !found.has(id));
    }
  }
  return found;
}

async function findIn(
  period: Period,
  log: StoredLog,
  entries: readonly Entry[],
  found: Map<string, Standing>,
): Promise<void> {
  const ahead = openAhead(period, log);
  for (const { id, ts } of entries) {
    if (found.has(id)) continue;
    const ix = await ahead(id, ts);
    if (ix !== undefined && ix < log.notedSize) found.set(id, { period, log, ix });
  }
}

/** Rows read ahead; times that are asked for never fall. */
function openAhead(period: Period, log: StoredLog): (id: string, ts: number) => Promise<number | undefined> {
  const byId = new Map<string, number>();
  let last: IndexRow | undefined;
  let ended = false;
  async function read(from: { readonly sinceMs: number } | { readonly after: IndexRow }): Promise<void> {
    const rows = await period.rows(log, { ...from, limit: rowsAtOnce });
    // Of one millisecond all are kept: they are asked for in any order.
    if ('sinceMs' in from) byId.clear();
    for (const { id, ix } of rows) byId.set(id, ix);
    last = rows.at(-1);
    ended = rows.length < rowsAtOnce;
  }
  return async (id, ts) => {
    if (byId.has(id)) return byId.get(id);
    if (last === undefined || last.ts < ts) {
      if (ended) return undefined;
      await read({ sinceMs: ts });
    }
    // More of one millisecond than are read at once.
    while (!byId.has(id) && !ended && last !== undefined && last.ts === ts) await read({ after: last });
    return byId.get(id);
  };
}
