import { expired } from '../engine.ts';
import { everyPage } from '../every-page.ts';
import { isPassing } from '../freeze.ts';
import { tableSpecs, type TableName, type TableSpec } from '../spec.ts';
import type { FillableTables } from '../tables-on-engine.ts';
import type { Item } from '../tables.ts';
import { staysBehind } from './manifest.ts';
import { canonicalJson, openTally, type Tally } from './tally.ts';

/** How a copy goes, for whoever waits for it. */
export interface Progress {
  /** `settle`: waiting until the freeze holds everywhere. `compare`: what was written is read again. */
  readonly stage: 'settle' | 'export' | 'check' | 'import' | 'compare';
  /** `undefined` while nothing is said of one table. */
  readonly table: TableName | undefined;
  /** Rows of this stage so far, of all tables. */
  readonly rows: number;
  /** `undefined`: not known before the end. */
  readonly total: number | undefined;
}

/** Told every few hundred rows. */
export type OnProgress = (progress: Progress) => void;

/** A page of rows as canonical JSON. */
export interface LinePage {
  readonly lines: readonly string[];
  /** Rows whose end has passed, which are not among the lines. */
  readonly ended: number;
  readonly cursor: string | undefined;
}

const pageRows = 1000;

/** Whether an item has ended by then. */
export function hasEnded(table: TableName, item: Item, nowMs: number): boolean {
  const { ttl }: TableSpec = tableSpecs[table];
  const end = ttl === undefined ? undefined : item[ttl];
  return expired(typeof end === 'number' ? end : undefined, nowMs / 1000);
}

/** Everything that a table holds and that has not ended by `nowMs`, page by page, but for what passes by itself. */
export async function* linePages(
  tables: FillableTables,
  table: TableName,
  { nowMs, cursor }: { readonly nowMs: number; readonly cursor?: string | undefined },
): AsyncGenerator<LinePage> {
  const { partition }: TableSpec = tableSpecs[table];
  const read = (from: { readonly cursor?: string }) => tables.scanAll(table, { limit: pageRows, ...from });
  for await (const page of everyPage(read, cursor)) {
    const all = page.items.map(({ item }) => item as Item);
    const items = staysBehind(table)
      ? all
      : all.filter((item) => !isPassing(table, item[partition] as string));
    const living = items.filter((item) => !hasEnded(table, item, nowMs));
    const ended = items.length - living.length;
    yield { lines: living.map(canonicalJson), ended, cursor: page.cursor };
  }
}

/** Count what a table holds that has not ended by `nowMs`. @param counted told how many rows more */
export async function tallyTable(
  tables: FillableTables,
  table: TableName,
  nowMs: number,
  counted: (rows: number) => void,
): Promise<Tally> {
  const tally = openTally();
  for await (const { lines } of linePages(tables, table, { nowMs })) {
    for (const line of lines) tally.add(line);
    counted(lines.length);
  }
  return tally.read();
}
