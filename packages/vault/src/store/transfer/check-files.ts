import { checkedItem } from '../item-rules.ts';
import type { TableName } from '../spec.ts';
import type { Item } from '../tables.ts';
import { digestOf, exportInvalid, readLines } from './line-file.ts';
import { tableFile, travelling, type Manifest, type TableEntry } from './manifest.ts';
import type { OnProgress } from './table-pages.ts';
import { canonicalJson, openTally, sameTally } from './tally.ts';

// Every file is read whole before anything is written anywhere.

/** One row of a file, parsed and as it stands there. */
export interface FileRow {
  readonly item: Item;
  readonly line: string;
}

/** The tables of an export, in the order in which they are brought in. */
export function tablesOf({
  tables,
}: Pick<Manifest, 'tables'>): readonly (readonly [TableName, TableEntry])[] {
  return travelling.flatMap((table) => {
    const entry = tables[table];
    return entry === undefined ? [] : [[table, entry] as const];
  });
}

/** The rows of a table's file. @throws Refusal `export_invalid` for a line that is not one item in the one form; `store_unavailable` */
export async function* readRows(directory: string, table: TableName): AsyncGenerator<FileRow> {
  for await (const line of readLines(tableFile(directory, table))) {
    const item = parsed(line);
    if (item === undefined || canonicalJson(item) !== line)
      throw exportInvalid('a line of the export is not an item', `${table}.ndjson`);
    try {
      checkedItem(table, item);
    } catch (error) {
      throw exportInvalid('a line of the export is not an item', `${table}.ndjson: ${String(error)}`);
    }
    yield { item, line };
  }
}

/**
 * Read every table's file and hold it against the manifest.
 *
 * @throws Refusal `export_invalid` when a file was changed, cut off or left out; `store_unavailable`
 */
export async function checkFiles(directory: string, manifest: Manifest, progress: OnProgress): Promise<void> {
  const entries = tablesOf(manifest);
  const total = entries.reduce((sum, [, { rows }]) => sum + rows, 0);
  let done = 0;
  for (const [table, entry] of entries) {
    const { bytes, sha256 } = await digestOf(tableFile(directory, table));
    if (bytes !== entry.bytes || sha256 !== entry.sha256) throw changed(table);
    const tally = openTally();
    for await (const { line } of readRows(directory, table)) {
      tally.add(line);
      done += 1;
      if (done % 500 === 0) progress({ stage: 'check', table, rows: done, total });
    }
    if (!sameTally(tally.read(), entry)) throw changed(table);
    progress({ stage: 'check', table, rows: done, total });
  }
}

function changed(table: TableName): Error {
  return exportInvalid(
    'a file of the export is not what was exported; take an unchanged copy',
    `${table}.ndjson`,
  );
}

function parsed(line: string): Item | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Item) : undefined;
  } catch {
    return undefined;
  }
}
