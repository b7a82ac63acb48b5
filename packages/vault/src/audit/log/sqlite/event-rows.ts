import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { callFlags } from '../../leaf/call-flags.ts';
import { tagNames, type TagName } from '../../leaf/log-keys.ts';
import type { CountQuery, EndedRow, IndexRow, RowCount, RowQuery } from '../segments.ts';

// By what entries are found, in the order of time. Tags are numbers; an absent field has none.

interface Columns {
  readonly ix: number;
  readonly ts: number;
  readonly flags: number;
  readonly id: Uint8Array;
  readonly end_ix: number | null;
  /** Milliseconds from the attempt to its outcome. */
  readonly end_after: number | null;
  readonly cause: Uint8Array | null;
}

/** Forms of questions that are kept prepared. */
const preparedMax = 64;

/** Index rows of one file. */
export interface EventRows {
  add(log: number, rows: readonly IndexRow[]): void;
  /** Within a transaction. */
  end(log: number, rows: readonly EndedRow[]): void;
  find(log: number, query: RowQuery): readonly IndexRow[];
  count(log: number, query: CountQuery, by: TagName): readonly RowCount[];
}

/** Index rows of this database. */
export function eventRows(db: DatabaseSync): EventRows {
  const prepared = new Map<string, StatementSync>();
  const statement = (text: string): StatementSync => {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    if (prepared.size >= preparedMax) prepared.clear();
    const made = db.prepare(text);
    prepared.set(text, made);
    return made;
  };
  return {
    ...rowWriters(db),
    find(log, query) {
      const { text, values } = statementOf(log, query);
      return statement(text)
        .all(...values)
        .map(rowOf);
    },
    count(log, query, by) {
      const { text, values } = countOf(log, query, by);
      return statement(text)
        .all(...values)
        .map(countIn);
    },
  };
}

function rowWriters(db: DatabaseSync): Pick<EventRows, 'add' | 'end'> {
  const insert = db.prepare(
    `INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?${', ?'.repeat(tagNames.length)})`,
  );
  const end = db.prepare(
    `UPDATE events SET flags = ?, end_ix = ?, end_after = ?, tag_out = ?, tag_code = ? WHERE log = ? AND ts = ? AND ix = ?`,
  );
  return {
    add(log, rows) {
      for (const { ts, ix, id, tags, flags, end: ended, cause } of rows) {
        const own = tagNames.map((name) => tags[name] ?? null);
        const [endIx, after] = ended === undefined ? [null, null] : [ended.ix, ended.ts - ts];
        insert.run(
          log,
          ts,
          ix,
          flags,
          endIx,
          after,
          idBytes(id),
          cause === undefined ? null : idBytes(cause),
          ...own,
        );
      }
    },
    end(log, rows) {
      for (const {
        attempt,
        end: { ix, ts },
        tags,
        flags,
      } of rows)
        end.run(flags, ix, ts - attempt.ts, tags.out ?? null, tags.code ?? null, log, attempt.ts, attempt.ix);
    },
  };
}

function statementOf(
  log: number,
  query: RowQuery,
): { readonly text: string; readonly values: SQLInputValue[] } {
  const { id, tags = {}, flags = 0, caused, sinceMs, untilMs, descending, after, limit } = query;
  const conditions = ['log = ?'];
  const values: SQLInputValue[] = [log];
  const hold = (condition: string, ...given: SQLInputValue[]) => {
    conditions.push(condition);
    values.push(...given);
  };
  if (id !== undefined) hold('id = ?', idBytes(id));
  if (caused === true) hold('cause IS NOT NULL');
  conditions.push(...bitsOf(flags).map((bit) => `flags & ${bit}`));
  for (const name of tagNames) if (tags[name] !== undefined) hold(`tag_${name} = ?`, tags[name]);
  if (sinceMs !== undefined) hold('ts >= ?', sinceMs);
  if (untilMs !== undefined) hold('ts < ?', untilMs);
  if (after !== undefined) hold(`(ts, ix) ${descending === true ? '<' : '>'} (?, ?)`, after.ts, after.ix);
  const way = descending === true ? 'DESC' : 'ASC';
  const text = `SELECT * FROM events ${indexFor(query)} WHERE ${conditions.join(' AND ')} ORDER BY ts ${way}, ix ${way} LIMIT ?`;
  return { text, values: [...values, limit] };
}

// Every index is in the order of time, as the rows are, so SQLite sees no gain in one that has fewer of them.
function indexFor({ tags, flags = 0, caused }: Pick<RowQuery, 'tags' | 'flags' | 'caused'>): string {
  if (caused === true) return 'INDEXED BY caused';
  if (tags?.actor !== undefined) return 'INDEXED BY of_actor';
  if ((flags & callFlags.hours) !== 0) return 'INDEXED BY in_hours';
  if ((flags & callFlags.unsuccessful) !== 0) return 'INDEXED BY unsuccessful';
  return (flags & callFlags.token) !== 0 ? 'INDEXED BY of_tokens' : '';
}

// Each for itself, as the conditions of partial indexes say it: an index is used for what is written in the same way.
function bitsOf(flags: number): readonly number[] {
  return Object.values(callFlags).filter((bit) => (flags & bit) !== 0);
}

function countOf(
  log: number,
  { below, flags, openFlags, without, counted, sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER }: CountQuery,
  by: TagName,
): { readonly text: string; readonly values: SQLInputValue[] } {
  const conditions = [
    'log = ? AND ts >= ? AND ts < ? AND ix < ?',
    ...bitsOf(flags).map((bit) => `flags & ${bit}`),
    `flags & ${without} = 0`,
    `(end_ix IS NOT NULL OR flags & ${openFlags} = ${openFlags})`,
  ];
  // SQLite takes the columns that are not grouped from the row with the maximum (sqlite.org/lang_select.html §2.5).
  const text = `SELECT tag_${by} AS tag, count(*) AS rows, sum(end_ix IS NOT NULL AND flags & ${counted} = ${counted}) AS counted,
    max(ts) AS ts, ix FROM events ${indexFor({ flags })} WHERE ${conditions.join(' AND ')} GROUP BY tag_${by}`;
  return { text, values: [log, sinceMs, untilMs, below] };
}

function countIn({ tag, rows, counted, ts, ix }: Record<string, unknown>): RowCount {
  const last = { ts: ts as number, ix: ix as number };
  return { tag: (tag as number | null) ?? undefined, rows: rows as number, counted: counted as number, last };
}

function rowOf(row: Record<string, unknown>): IndexRow {
  const tags: Partial<Record<(typeof tagNames)[number], number>> = {};
  for (const name of tagNames) {
    const tag = row[`tag_${name}`];
    if (typeof tag === 'number') tags[name] = tag;
  }
  const { ix, ts, flags, id, end_ix: endIx, end_after: after, cause } = row as unknown as Columns;
  return {
    ix,
    ts,
    id: idText(id),
    tags,
    flags,
    ...(endIx !== null && { end: { ix: endIx, ts: ts + (after ?? 0) } }),
    ...(cause !== null && { cause: idText(cause) }),
  };
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
