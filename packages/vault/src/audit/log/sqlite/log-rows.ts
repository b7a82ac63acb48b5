import type { DatabaseSync } from 'node:sqlite';
import { asking } from '../../../store/sqlite/sqlite-error.ts';
import { hashBytes, hashesIn } from '../../../tlog/hash.ts';
import { tileWidth } from '../../../tlog/tile-paths.ts';
import { packLines, plainLines, unpackLines, type Lines } from '../packed-lines.ts';
import type { LogName, LogReads, LogStep, Period, Slice, StoredLog, TreeNode } from '../segments.ts';

// The rows of logs in one file: heads, slices, tiles. The leaves of a full block are kept packed; they are as clear as the
// others.

/** Logs whose numbers are kept. */
const idsMax = 10_000;

/** Logs of one file. */
export interface LogRows extends LogReads, Pick<Period, 'sliceWith'> {
  /** @param scopes every one when not given */
  all(scopes?: readonly string[]): readonly StoredLog[];
  unnoted(limit: number): readonly StoredLog[];
  /** Within a transaction. @returns number of the log in this file; `undefined`, and nothing written, when it has moved */
  move(step: Pick<LogStep, 'log' | 'from' | 'head'>): number | undefined;
  /** Within a transaction. */
  addSlice(id: number, slice: Slice): void;
  /** Within a transaction. */
  addNode(id: number, node: TreeNode): void;
  note(log: LogName, size: number, note: string): void;
  /** Number of the log in this file. */
  idOf(log: LogName): number | undefined;
}

/** Logs of this database. */
export function logRows(db: DatabaseSync): LogRows {
  const find = db.prepare('SELECT id, size, closed FROM logs WHERE scope = ? AND shard = ?');
  const idOf = idsMet(db, ({ scope, shard }) => find.get(scope, shard)?.['id'] as number | undefined);
  const columns = 'scope, shard, size, frontier, closed, noted, note';
  const all = db.prepare(`SELECT ${columns} FROM logs ORDER BY id`);
  const ofScope = db.prepare(`SELECT ${columns} FROM logs WHERE scope = ? ORDER BY id`);
  const unnoted = db.prepare(`SELECT ${columns} FROM logs WHERE noted < size ORDER BY id LIMIT ?`);
  const note = db.prepare('UPDATE logs SET noted = ?, note = ? WHERE scope = ? AND shard = ?');
  return {
    idOf,
    all: (scopes) =>
      (scopes === undefined ? all.all() : scopes.flatMap((scope) => ofScope.all(scope))).map(storedLog),
    unnoted: (limit) => unnoted.all(limit).map(storedLog),
    move: mover(db, (log) => find.get(log.scope, log.shard) as Found | undefined),
    addSlice: sliceAdder(db),
    addNode: nodeAdder(db),
    note: (log, size, text) => void note.run(size, text, log.scope, log.shard),
    ...reads(db, idOf),
  };
}

/** Numbers of logs, which they keep. What is not committed yet may still be undone. */
function idsMet(db: DatabaseSync, find: LogRows['idOf']): LogRows['idOf'] {
  const met = new Map<string, number>();
  return (log) => {
    const key = `${log.shard} ${log.scope}`;
    const known = met.get(key);
    if (known !== undefined) return known;
    const id = find(log);
    if (met.size >= idsMax) met.clear();
    if (id !== undefined && !db.isTransaction) met.set(key, id);
    return id;
  };
}

interface Found {
  readonly id: number;
  readonly size: number;
  readonly closed: number;
}

function mover(db: DatabaseSync, find: (log: LogName) => Found | undefined): LogRows['move'] {
  const make = db.prepare('INSERT INTO logs (scope, shard, size, frontier, closed) VALUES (?, ?, ?, ?, ?)');
  const grow = db.prepare('UPDATE logs SET size = ?, frontier = ?, closed = ? WHERE id = ?');
  return ({ log, from, head }) => {
    const found = find(log);
    if ((found?.size ?? 0) !== from || found?.closed === 1) return undefined;
    const values = [head.size, Buffer.concat(head.frontier), Number(head.closed)] as const;
    if (found === undefined) return Number(make.run(log.scope, log.shard, ...values).lastInsertRowid);
    grow.run(...values, found.id);
    return found.id;
  };
}

function sliceAdder(db: DatabaseSync): LogRows['addSlice'] {
  const drop = db.prepare('DELETE FROM slices WHERE log = ? AND first >= ? AND first < ?');
  const put = db.prepare('INSERT INTO slices VALUES (?, ?, ?, ?, ?, ?)');
  return (id, { first, leaves, bodies }) => {
    const packed = leaves.length === tileWidth;
    if (packed) drop.run(id, first, first + tileWidth);
    const kept = packed ? packLines(leaves) : Buffer.from(leaves.join('\n'));
    put.run(id, first, leaves.length, Number(packed), kept, bodies ?? null);
  };
}

function nodeAdder(db: DatabaseSync): (id: number, node: TreeNode) => void {
  const put = db.prepare('INSERT INTO tiles VALUES (?, ?, ?, ?)');
  const extend = db.prepare(
    'UPDATE tiles SET hashes = CAST(hashes || ? AS BLOB) WHERE log = ? AND level = ? AND ix = ? AND length(hashes) = ?',
  );
  return (id, { level, index, hash }) => {
    const [tile, at] = [Math.floor(index / tileWidth), index % tileWidth];
    if (at === 0) put.run(id, level, tile, hash);
    else if (extend.run(hash, id, level, tile, at * hashBytes).changes !== 1)
      throw new Error(`node ${level}/${index} does not follow`);
  };
}

function reads(
  db: DatabaseSync,
  idOf: (log: LogName) => number | undefined,
): LogReads & Pick<Period, 'sliceWith'> {
  const from = db.prepare(
    `SELECT first, count, packed, leaves, bodies FROM slices WHERE log = ?1 AND first >=
       (SELECT coalesce(max(first), 0) FROM slices WHERE log = ?1 AND first <= ?2)
       AND first + count > ?2 ORDER BY first LIMIT ?3`,
  );
  const holding = db.prepare(
    'SELECT first, count, packed, leaves, bodies FROM slices WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1',
  );
  const tile = db.prepare('SELECT hashes FROM tiles WHERE log = ? AND level = ? AND ix = ?');
  return {
    async slices(log, first, limit) {
      return asking(() => {
        const id = idOf(log);
        return id === undefined ? [] : from.all(id, first, limit).map(sliceOf);
      });
    },
    async sliceWith(log, ix) {
      return asking(() => {
        const id = idOf(log);
        const row = id === undefined ? undefined : (holding.get(id, ix) as SliceRow | undefined);
        if (row === undefined || ix >= row.first + row.count) return undefined;
        return { first: row.first, leaves: leavesIn(row), bodies: row.bodies ?? undefined };
      });
    },
    async tile(log, level, index) {
      return asking(() => {
        const id = idOf(log);
        return id === undefined
          ? undefined
          : (tile.get(id, level, index)?.['hashes'] as Uint8Array | undefined);
      });
    },
  };
}

interface SliceRow {
  readonly first: number;
  readonly count: number;
  readonly packed: number;
  readonly leaves: Uint8Array;
  readonly bodies: Uint8Array | null;
}

function sliceOf(row: Record<string, unknown>): Slice {
  const { first, bodies } = row as unknown as SliceRow;
  return { first, leaves: leavesIn(row as unknown as SliceRow).all(), bodies: bodies ?? undefined };
}

function leavesIn({ count, packed, leaves }: SliceRow): Lines {
  const bytes = Buffer.from(leaves.buffer, leaves.byteOffset, leaves.byteLength);
  return packed === 1 ? unpackLines(bytes, count) : plainLines(bytes.toString('utf8').split('\n'));
}

function storedLog({
  scope,
  shard,
  size,
  frontier,
  closed,
  noted,
  note,
}: Record<string, unknown>): StoredLog {
  return {
    scope: scope as string,
    shard: shard as string,
    size: size as number,
    frontier: hashesIn(frontier as Uint8Array),
    closed: closed === 1,
    note: (note as string | null) ?? undefined,
    notedSize: noted as number,
  };
}
