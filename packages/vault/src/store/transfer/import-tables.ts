import { refuse } from '../../refusal.ts';
import { everyPage } from '../every-page.ts';
import { tableSpecs, type TableName } from '../spec.ts';
import type { FillableTables } from '../tables-on-engine.ts';
import type { Item, ItemOf } from '../tables.ts';
import { readRows, tablesOf } from './check-files.ts';
import type { Manifest } from './manifest.ts';
import { hasEnded, tallyTable, type OnProgress } from './table-pages.ts';
import { openTally, sameTally } from './tally.ts';

// Files into empty tables. The tables are frozen first, with a note of the very export that fills them, and of how far it has
// come; so nothing begins to work on half of the data, and whoever is killed on the way goes on where the note says.
// Writing a row again changes nothing, so the note may lie behind.

/** What an import works on. Its files have been checked (`checkFiles`). */
export interface ImportParts {
  readonly target: FillableTables;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly now: () => number;
  readonly progress: OnProgress;
}

/** What came in. */
export interface ImportedTables {
  readonly rows: number;
  /** Rows that ended between the export and the import, and were left out. */
  readonly ended: number;
}

const batchRows = 500;
const batchCharacters = 4_000_000;
const noteEveryRows = 5000;

/**
 * Fill empty tables with an export, or go on where the same import was interrupted; then read all of it again and compare.
 * The tables stay frozen, under the export's `mac`.
 *
 * @throws Refusal `store_filled` when the tables hold anything else; `export_invalid`; `store_unavailable`, also when what is
 *   read again is not what was written
 */
export async function importTables(parts: ImportParts): Promise<ImportedTables> {
  const { target, manifest, progress } = parts;
  const begun = await begin(parts);
  const total = tablesOf(manifest).reduce((sum, [, { rows }]) => sum + rows, 0);
  const counts = { rows: 0, ended: 0, seen: 0 };
  let reached = begun.at.table === undefined;
  for (const [table] of tablesOf(manifest)) {
    const skip = table === begun.at.table ? begun.at.rows : reached ? 0 : Infinity;
    reached ||= table === begun.at.table;
    await fill(table, skip, { ...parts, ...begun, counts, total });
  }
  await compareTables(parts, begun.sinceMs);
  progress({ stage: 'compare', table: undefined, rows: total, total });
  if ((await target.frozen())?.freezeId !== manifest.mac)
    throw refuse('store_filled', 'somebody else took the tables while they were filled');
  return { rows: counts.rows, ended: counts.ended };
}

interface Place {
  readonly table: TableName | undefined;
  /** Lines of its file that are in. */
  readonly rows: number;
}

interface Begun {
  readonly sinceMs: number;
  readonly at: Place;
}

async function begin({ target, manifest, now }: ImportParts): Promise<Begun> {
  const standing = await target.frozen();
  if (standing === undefined) {
    await refuseUnlessEmpty(target);
    const sinceMs = now();
    const at = { table: undefined, rows: 0 };
    if (await target.freeze(noteOf(manifest, { sinceMs, at }))) return { sinceMs, at };
  } else if (standing.reason === 'import' && standing.freezeId === manifest.mac)
    return { sinceMs: standing.sinceMs, at: placeOf(standing.place) };
  throw refuse(
    'store_filled',
    'the tables belong to another import that is not finished, or to data that has moved; an import needs empty ones',
    standing === undefined ? undefined : `${standing.reason} ${standing.freezeId}`,
  );
}

async function refuseUnlessEmpty(target: FillableTables): Promise<void> {
  for (const table of Object.keys(tableSpecs) as TableName[])
    for await (const { items } of everyPage((from) => target.scanAll(table, { limit: 1, ...from })))
      if (items.length > 0)
        throw refuse(
          'store_filled',
          'there is data already; an import needs empty tables: another DATA_DIR, or another DYNAMODB_TABLE_PREFIX',
          table,
        );
}

interface FillParts extends ImportParts, Begun {
  readonly counts: { rows: number; ended: number; seen: number };
  readonly total: number;
}

async function fill(table: TableName, skip: number, parts: FillParts): Promise<void> {
  const { target, directory, manifest, sinceMs, counts, total, progress } = parts;
  let batch: Item[] = [];
  let characters = 0;
  let line = 0;
  let noted = 0;
  const flush = async (done: boolean): Promise<void> => {
    if (batch.length > 0) await target.bringIn(table, ...(batch as ItemOf<typeof table>[]));
    batch = [];
    characters = 0;
    progress({ stage: 'import', table, rows: counts.seen, total });
    if (line <= skip || (!done && line - noted < noteEveryRows)) return;
    noted = line;
    await target.freeze(noteOf(manifest, { sinceMs, at: { table, rows: line } }));
  };
  for await (const row of readRows(directory, table)) {
    line += 1;
    counts.seen += 1;
    if (hasEnded(table, row.item, sinceMs)) {
      counts.ended += 1;
      continue;
    }
    counts.rows += 1;
    if (line <= skip) continue;
    batch.push(row.item);
    characters += row.line.length;
    if (batch.length >= batchRows || characters >= batchCharacters) await flush(false);
  }
  await flush(true);
}

/**
 * Hold what tables contain against an export. Rows whose end has passed by now count on neither side: the store may have
 * deleted them.
 *
 * @throws Refusal `store_unavailable` when a row is missing, changed or too many
 */
export async function compareTables(
  { target, directory, manifest, now, progress }: ImportParts,
  sinceMs: number,
): Promise<void> {
  const total = tablesOf(manifest).reduce((sum, [, { rows }]) => sum + rows, 0);
  let rows = 0;
  for (const [table] of tablesOf(manifest)) {
    const nowMs = Math.max(now(), sinceMs);
    const expected = openTally();
    for await (const row of readRows(directory, table))
      if (!hasEnded(table, row.item, nowMs)) expected.add(row.line);
    const found = await tallyTable(target, table, nowMs, (more) => {
      rows += more;
      progress({ stage: 'compare', table, rows, total });
    });
    if (!sameTally(found, expected.read()))
      throw refuse(
        'store_unavailable',
        'what was read again is not what was written; nothing works on it, and the source is unchanged',
        `${table}: ${expected.read().rows} rows expected, ${found.rows} found`,
      );
  }
}

function noteOf(manifest: Manifest, { sinceMs, at }: Begun) {
  const place = `${at.table ?? ''} ${at.rows}`;
  return { reason: 'import', freezeId: manifest.mac, sinceMs, place } as const;
}

// A note that cannot be read counts as none: everything is written again.
function placeOf(place: string | undefined): Place {
  const [, table = '', rows] = /^([a-z_]+) (\d+)$/.exec(place ?? '') ?? [];
  return Object.hasOwn(tableSpecs, table)
    ? { table: table as TableName, rows: Number(rows) }
    : { table: undefined, rows: 0 };
}
