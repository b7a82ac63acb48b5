import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { callFlags } from '../../leaf/call-flags.ts';
import { tagNames, type TagName } from '../../leaf/log-keys.ts';
import type { CountQuery, EndedRow, IndexRow, RowCount, RowQuery } from '../segments.ts';

// By what entries are found, in the order of time. Tags are numbers of 32 bits, kept with a sign because SQLite gives those
// above 2^31 six bytes in place of four; an absent field has none.

/** What is read of every row, before the tags that are wanted. `end_after`: milliseconds from the attempt to its outcome. */
const columns = 'ix, ts, flags, end_ix, end_after, hex(id), hex(cause)';
type Columns = readonly [
  ix: number,
  ts: number,
  flags: number,
  endIx: number | null,
  endAfter: number | null,
  id: string,
  cause: string,
  ...tags: (number | null)[],
];

/** Forms of questions that are kept prepared. */
const preparedMax = 64;

/** Index rows of one file. */
export interface EventRows {
  add(log: number, rows: readonly IndexRow[]): void;
  /** Within a transaction. */
  end(log: number, rows: readonly EndedRow[]): void;
  find(log: number, query: RowQuery): readonly IndexRow[];
  count(log: number, query: CountQuery, by: readonly TagName[]): readonly RowCount[];
}

/** Index rows of this database. */
export function eventRows(db: DatabaseSync): EventRows {
  const prepared = new Map<string, StatementSync>();
  const statement = (text: string): StatementSync => {
    const known = prepared.get(text);
    if (known !== undefined) return known;
    if (prepared.size >= preparedMax) prepared.clear();
    const made = db.prepare(text);
    made.setReturnArrays(true);
    prepared.set(text, made);
    return made;
  };
  return {
    ...rowWriters(db),
    find(log, query) {
      const wanted = tagNames.filter((name) => query.tagsWanted?.includes(name) ?? true);
      const { text, values } = statementOf(log, query, wanted);
      const rows = statement(text).all(...values) as unknown as readonly Columns[];
      return rows.map((row) => rowOf(row, wanted));
    },
    count(log, query, by) {
      const { text, values } = countOf(log, query, by);
      const rows = statement(text).all(...values) as unknown as readonly Counted[];
      return rows.map(countIn);
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
        const own = tagNames.map((name) => signed(tags[name]));
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
        end.run(flags, ix, ts - attempt.ts, signed(tags.out), signed(tags.code), log, attempt.ts, attempt.ix);
    },
  };
}

function statementOf(
  log: number,
  query: RowQuery,
  wanted: readonly TagName[],
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
  for (const name of tagNames) if (tags[name] !== undefined) hold(`tag_${name} = ?`, signed(tags[name]));
  if (sinceMs !== undefined) hold('ts >= ?', sinceMs);
  if (untilMs !== undefined) hold('ts < ?', untilMs);
  if (after !== undefined) hold(`(ts, ix) ${descending === true ? '<' : '>'} (?, ?)`, after.ts, after.ix);
  const way = descending === true ? 'DESC' : 'ASC';
  const read = [columns, ...wanted.map((name) => `tag_${name}`)].join(', ');
  const text = `SELECT ${read} FROM events ${indexFor(query)} WHERE ${conditions.join(' AND ')} ORDER BY ts ${way}, ix ${way} LIMIT ?`;
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
  by: readonly TagName[],
): { readonly text: string; readonly values: SQLInputValue[] } {
  const conditions = [
    'log = ? AND ts >= ? AND ts < ? AND ix < ?',
    ...bitsOf(flags).map((bit) => `flags & ${bit}`),
    `flags & ${without} = 0`,
    `(end_ix IS NOT NULL OR flags & ${openFlags} = ${openFlags})`,
  ];
  // SQLite takes the columns that are not grouped from the row with the maximum (sqlite.org/lang_select.html §2.5).
  const tags = by.map((name) => `tag_${name}`).join(', ');
  const text = `SELECT count(*), sum(end_ix IS NOT NULL AND flags & ${counted} = ${counted}), max(ts), ix, ${tags}
    FROM events ${indexFor({ flags })} WHERE ${conditions.join(' AND ')} GROUP BY ${tags}`;
  return { text, values: [log, sinceMs, untilMs, below] };
}

type Counted = readonly [rows: number, counted: number, ts: number, ix: number, ...tags: (number | null)[]];

function countIn([rows, counted, ts, ix, ...own]: Counted): RowCount {
  const tags = own.map((tag) => (tag === null ? undefined : tag >>> 0));
  return { tags, rows, counted, last: { ts, ix } };
}

function rowOf(row: Columns, wanted: readonly TagName[]): IndexRow {
  const [ix, ts, flags, endIx, after, id, cause, ...own] = row;
  const tags: Partial<Record<TagName, number>> = {};
  wanted.forEach((name, at) => {
    const tag = own[at];
    if (typeof tag === 'number') tags[name] = tag >>> 0;
  });
  return {
    ix,
    ts,
    id: idText(id),
    tags,
    flags,
    ...(endIx !== null && { end: { ix: endIx, ts: ts + (after ?? 0) } }),
    ...(cause !== '' && { cause: idText(cause) }),
  };
}

function signed(tag: number | undefined): number | null {
  return tag === undefined ? null : tag | 0;
}

/** A UUID takes 16 bytes; any other id lies as its text. */
function idBytes(id: string): Buffer {
  const hex = id.replaceAll('-', '');
  const bytes = Buffer.from(hex, 'hex');
  return bytes.length === 16 && idText(hex) === id ? bytes : Buffer.from(id);
}

/** @param hex as SQLite gives it: a buffer for each would cost more than the rest of a row */
function idText(hex: string): string {
  if (hex.length !== 32) return Buffer.from(hex, 'hex').toString('utf8');
  const id = hex.toLowerCase();
  return `${id.slice(0, 8)}-${id.slice(8, 12)}-${id.slice(12, 16)}-${id.slice(16, 20)}-${id.slice(20)}`;
}
