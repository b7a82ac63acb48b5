import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { tagNames } from '../../leaf/log-keys.ts';
import type { IndexRow, RowQuery } from '../segments.ts';

// By what entries are found, in the order of time. Tags are numbers; an absent field has none.

/** Index rows of one file. */
export interface EventRows {
  add(log: number, rows: readonly IndexRow[]): void;
  find(log: number, query: RowQuery): readonly IndexRow[];
}

/** Index rows of this database. */
export function eventRows(db: DatabaseSync): EventRows {
  const places = `?, ?, ?, ?${', ?'.repeat(tagNames.length)}`;
  const insert = db.prepare(`INSERT INTO events VALUES (${places})`);
  return {
    add(log, rows) {
      for (const { ts, ix, id, tags } of rows)
        insert.run(log, ts, ix, idBytes(id), ...tagNames.map((name) => tags[name] ?? null));
    },
    find(log, query) {
      const { text, values } = statementOf(log, query);
      return db
        .prepare(text)
        .all(...values)
        .map(rowOf);
    },
  };
}

function statementOf(
  log: number,
  query: RowQuery,
): { readonly text: string; readonly values: SQLInputValue[] } {
  const { tags = {}, sinceMs, untilMs, descending, after, limit } = query;
  const conditions = ['log = ?'];
  const values: SQLInputValue[] = [log];
  const hold = (condition: string, ...given: SQLInputValue[]) => {
    conditions.push(condition);
    values.push(...given);
  };
  for (const name of tagNames) if (tags[name] !== undefined) hold(`tag_${name} = ?`, tags[name]);
  if (sinceMs !== undefined) hold('ts >= ?', sinceMs);
  if (untilMs !== undefined) hold('ts < ?', untilMs);
  if (after !== undefined) hold(`(ts, ix) ${descending === true ? '<' : '>'} (?, ?)`, after.ts, after.ix);
  const way = descending === true ? 'DESC' : 'ASC';
  const text = `SELECT * FROM events WHERE ${conditions.join(' AND ')} ORDER BY ts ${way}, ix ${way} LIMIT ?`;
  return { text, values: [...values, limit] };
}

function rowOf(row: Record<string, unknown>): IndexRow {
  const tags: Partial<Record<(typeof tagNames)[number], number>> = {};
  for (const name of tagNames) {
    const tag = row[`tag_${name}`];
    if (typeof tag === 'number') tags[name] = tag;
  }
  return { ix: row['ix'] as number, ts: row['ts'] as number, id: idText(row['id'] as Uint8Array), tags };
}

/** A UUID takes 16 bytes; any other id lies as its text. */
function idBytes(id: string): Buffer {
  const bytes = Buffer.from(id.replaceAll('-', ''), 'hex');
  return bytes.length === 16 && idText(bytes) === id ? bytes : Buffer.from(id);
}

function idText(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  if (bytes.length !== 16) return buffer.toString('utf8');
  const hex = buffer.toString('hex');
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
  return parts.join('-');
}
