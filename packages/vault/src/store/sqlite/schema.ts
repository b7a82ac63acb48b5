import type { DatabaseSync } from 'node:sqlite';
import { tableSpecs, type IndexSpec, type TableSpec } from '../spec.ts';

// The form of the tables, made from the spec. A row holds its key, revision, end and the whole item as JSON. An index
// attribute is a virtual column over the JSON and an index leaves out the rows without it, so a new index of the spec
// needs no rewriting of rows, and an export is a copy of the JSON.

const specs: Readonly<Record<string, TableSpec>> = tableSpecs;

/** A name in SQL. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** The column that holds an attribute of a key or an index. */
function columnOf(spec: TableSpec, attribute: string): string {
  if (attribute === spec.partition) return 'k_pk';
  if (attribute === spec.sort) return 'k_sk';
  return quoted(`x_${attribute}`);
}

/** The columns of an index in its order: partition, sort if there is one. */
export function indexColumns(spec: TableSpec, index: IndexSpec): readonly string[] {
  return [index.partition, ...(index.sort === undefined ? [] : [index.sort])].map((name) =>
    columnOf(spec, name),
  );
}

/**
 * Make every table, column and index of the spec that is not there. Runs in the caller's transaction.
 *
 * @throws errors of `node:sqlite`
 */
export function createMissing(db: DatabaseSync): void {
  const columns = db.prepare('SELECT name FROM pragma_table_xinfo(?)');
  for (const [table, spec] of Object.entries(specs)) {
    const present = new Set(columns.all(table).map(({ name }) => quoted(String(name))));
    if (present.size === 0) db.exec(createTable(table, spec));
    else
      for (const [name, definition] of virtualColumns(spec))
        if (!present.has(name)) db.exec(`ALTER TABLE ${quoted(table)} ADD COLUMN ${definition}`);
    for (const statement of createIndexes(table, spec)) db.exec(statement);
  }
}

function createTable(table: string, spec: TableSpec): string {
  const virtual = virtualColumns(spec).map(([, definition]) => `, ${definition}`);
  return `CREATE TABLE ${quoted(table)} (k_pk TEXT NOT NULL, k_sk TEXT NOT NULL, rev TEXT, ttl INTEGER, doc TEXT NOT NULL${virtual.join('')}, PRIMARY KEY (k_pk, k_sk))`;
}

function virtualColumns(spec: TableSpec): readonly (readonly [name: string, definition: string])[] {
  const attributes = Object.values(spec.indexes ?? {}).flatMap(({ partition, sort }) => [
    partition,
    ...(sort === undefined ? [] : [sort]),
  ]);
  return [...new Set(attributes)]
    .filter((attribute) => attribute !== spec.partition && attribute !== spec.sort)
    .map((attribute) => {
      const name = columnOf(spec, attribute);
      return [name, `${name} GENERATED ALWAYS AS (doc ->> '$.${quoted(attribute)}') VIRTUAL`];
    });
}

function createIndexes(table: string, spec: TableSpec): readonly string[] {
  const byTtl =
    spec.ttl === undefined
      ? []
      : [
          `CREATE INDEX IF NOT EXISTS ${quoted(`${table}.ttl`)} ON ${quoted(table)} (ttl) WHERE ttl IS NOT NULL`,
        ];
  const secondary = Object.entries(spec.indexes ?? {}).map(([name, index]) => {
    const columns = indexColumns(spec, index);
    const order = [...new Set([...columns, 'k_pk', 'k_sk'])].join(', ');
    const sparse = columns.map((column) => `${column} IS NOT NULL`).join(' AND ');
    return `CREATE INDEX IF NOT EXISTS ${quoted(`${table}.${name}`)} ON ${quoted(table)} (${order}) WHERE ${sparse}`;
  });
  return [...byTtl, ...secondary];
}
