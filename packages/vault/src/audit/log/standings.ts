import { monthOf } from './names.ts';
import type { IndexRow, Period, Segments, StoredLog } from './segments.ts';

/** A place where an entry stands. */
export interface Standing {
  readonly period: Period;
  readonly log: StoredLog;
  readonly ix: number;
}

/** Which entry, and between which times it is looked for, in milliseconds since 1970; `untilMs` is behind the last. */
export interface Sought {
  readonly id: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/**
 * Where an entry stands: once in a log, and perhaps again in a later one.
 *
 * @param scope a tenant; `undefined` looks in the logs of all
 * @throws Refusal `store_unavailable`
 */
export async function* standings(
  segments: Segments,
  scope: string | undefined,
  sought: Sought,
): AsyncGenerator<Standing> {
  // One that waited for its tenant's keys stands in a later month.
  for (const name of await segments.periods()) {
    if (name < monthOf(sought.sinceMs)) continue;
    const period = await segments.period(name);
    for (const log of await period.logs(scope === undefined ? undefined : [scope])) {
      const row = await rowIn(period, log, sought);
      if (row !== undefined) yield { period, log, ix: row.ix };
    }
  }
}

async function rowIn(
  period: Period,
  log: StoredLog,
  { id, sinceMs, untilMs }: Sought,
): Promise<IndexRow | undefined> {
  const [row] = await period.rows(log, { id, sinceMs, untilMs, descending: true, limit: 1 });
  return row;
}
