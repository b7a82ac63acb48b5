import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { refuse } from '../../refusal.ts';
import { frozen } from '../freeze.ts';
import { tableSpecs, type TableName } from '../spec.ts';
import type { FillableTables } from '../tables-on-engine.ts';
import {
  dropCheckpoint,
  readCheckpoint,
  writeCheckpoint,
  type Checkpoint,
  type TableProgress,
} from './checkpoint.ts';
import { digestOf, openLineFile } from './line-file.ts';
import { staysBehind, tableFile, travelling, type Manifest, type TableEntry } from './manifest.ts';
import { linePages, tallyTable, type OnProgress } from './table-pages.ts';
import { openTally, sameTally } from './tally.ts';

// Tables into files. First the freeze, and the wait until it holds everywhere; then table by table with a checkpoint every
// few thousand rows; then all tables are counted once more, so that a write that came through shows. Who is killed
// on the way leaves the freeze standing, and whoever goes on finds the same data.

/** What an export works on. */
export interface ExportParts {
  readonly source: FillableTables;
  /** An existing directory that nobody else uses. */
  readonly directory: string;
  readonly now: () => number;
  readonly progress: OnProgress;
  /** The source is read only by this process, and by none that writes: nothing has to settle. */
  readonly alone?: boolean;
}

/** The part of a manifest that speaks of tables. */
export type ExportedTables = Pick<Manifest, 'freezeId' | 'frozenAtMs' | 'tables' | 'leftBehind'>;

const checkpointRows = 5000;
const checkpointBytes = 8 * 1024 * 1024;

/**
 * Freeze the tables and write them into files, or go on where such an export was interrupted. The tables stay frozen.
 *
 * @throws Refusal `store_frozen` when somebody else has frozen them; `export_invalid` when they were written to all the same;
 *   `store_unavailable`
 */
export async function exportTables(parts: ExportParts): Promise<ExportedTables> {
  const { source, directory } = parts;
  const begun = await begin(parts);
  const tables: { [T in TableName]?: TableEntry } = {};
  let { checkpoint } = begun;
  const note = async (table: TableName, progress: TableProgress): Promise<void> => {
    checkpoint = { ...checkpoint, tables: { ...checkpoint.tables, [table]: progress } };
    await writeCheckpoint(directory, checkpoint);
  };
  let rows = 0;
  const tell = (table: TableName) => (more: number) => {
    rows += more;
    parts.progress({ stage: 'export', table, rows, total: undefined });
  };
  for (const table of travelling) {
    const known = checkpoint.tables[table];
    tell(table)(known?.rows ?? 0);
    const {
      rows: count,
      digest,
      ended,
    } = await exportTable(table, known, {
      ...parts,
      nowMs: begun.frozenAtMs,
      tell: tell(table),
      note: (progress) => note(table, progress),
    });
    tables[table] = { rows: count, digest, ended, ...(await digestOf(tableFile(directory, table))) };
  }
  await compare(parts, begun.frozenAtMs, tables);
  return {
    freezeId: checkpoint.freezeId,
    frozenAtMs: begun.frozenAtMs,
    tables,
    leftBehind: await leftIn(source),
  };
}

// An interrupted export is gone on with only while its own freeze stands: otherwise the data may have changed.
async function begin(
  parts: ExportParts,
): Promise<{ readonly checkpoint: Checkpoint; readonly frozenAtMs: number }> {
  const { source, directory, now, progress, alone = false } = parts;
  const standing = await source.frozen();
  let checkpoint = await readCheckpoint(directory);
  const own = standing?.reason === 'export' && standing.freezeId === checkpoint?.freezeId;
  if (checkpoint === undefined || !own) {
    if (standing !== undefined) throw frozen(standing);
    checkpoint = { freezeId: randomUUID(), settled: false, tables: {} };
    await writeCheckpoint(directory, checkpoint);
  }
  const frozenAtMs = standing?.sinceMs ?? now();
  const { freezeId } = checkpoint;
  if (!(await source.freeze({ reason: 'export', freezeId, sinceMs: frozenAtMs })))
    throw refuse('store_frozen', 'the data is being copied by somebody else');
  if (!checkpoint.settled) {
    if (!alone) {
      progress({ stage: 'settle', table: undefined, rows: 0, total: undefined });
      await sleep(source.settleMs);
    }
    checkpoint = { ...checkpoint, settled: true };
    await writeCheckpoint(directory, checkpoint);
  }
  return { checkpoint, frozenAtMs };
}

interface TableParts extends ExportParts {
  readonly nowMs: number;
  readonly tell: (rows: number) => void;
  readonly note: (progress: TableProgress) => Promise<void>;
}

async function exportTable(
  table: TableName,
  known: TableProgress | undefined,
  { source, directory, nowMs, tell, note }: TableParts,
): Promise<TableProgress> {
  if (known?.done === true) return known;
  const file = await openLineFile(tableFile(directory, table), known?.bytes ?? 0);
  try {
    const tally = openTally(known);
    let ended = known?.ended ?? 0;
    let noted = { rows: known?.rows ?? 0, bytes: known?.bytes ?? 0 };
    const write = async (cursor: string | undefined, done: boolean): Promise<TableProgress> => {
      await file.sync();
      const progress = { ...tally.read(), bytes: file.bytes(), ended, cursor, done };
      await note(progress);
      noted = progress;
      return progress;
    };
    for await (const page of linePages(source, table, { nowMs, cursor: known?.cursor })) {
      await file.write(page.lines);
      for (const line of page.lines) tally.add(line);
      ended += page.ended;
      tell(page.lines.length);
      const much =
        tally.read().rows - noted.rows >= checkpointRows || file.bytes() - noted.bytes >= checkpointBytes;
      if (much && page.cursor !== undefined) await write(page.cursor, false);
    }
    return await write(undefined, true);
  } finally {
    await file.close();
  }
}

async function compare(
  { source, directory, progress }: ExportParts,
  nowMs: number,
  exported: Manifest['tables'],
): Promise<void> {
  const total = Object.values(exported).reduce((sum, { rows }) => sum + rows, 0);
  let rows = 0;
  for (const table of travelling) {
    const expected = exported[table] ?? { rows: 0, digest: '' };
    const found = await tallyTable(source, table, nowMs, (more) => {
      rows += more;
      progress({ stage: 'compare', table, rows, total });
    });
    if (sameTally(found, expected)) continue;
    await dropCheckpoint(directory);
    throw refuse(
      'export_invalid',
      'the data changed while it was copied; end whatever writes to it and run the command again',
      `${table}: ${expected.rows} rows copied, ${found.rows} found afterwards`,
    );
  }
}

async function leftIn(source: FillableTables): Promise<Manifest['leftBehind']> {
  const left: { [T in TableName]?: number } = {};
  for (const table of (Object.keys(tableSpecs) as TableName[]).filter(staysBehind)) {
    let rows = 0;
    await tallyTable(source, table, -Infinity, (more) => (rows += more));
    left[table] = rows;
  }
  return left;
}
