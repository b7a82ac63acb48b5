import type { Span } from '../engine.ts';
import { indexOf, specOf } from '../item-rules.ts';
import { boundsOf } from '../sort-range.ts';
import type { TableName } from '../spec.ts';
import { indexColumns, quoted } from './schema.ts';

// The SQL of a span. Its text depends on the form of the question only, never on a value, so a handful of prepared
// statements serve every query. A cursor replaces the range's end on the side where reading begins: it lies within,
// and a second condition on that side would make SQLite walk the pages before it again.

/** One statement and its values, with room for the limit at the end. */
export interface Sql {
  readonly text: string;
  readonly values: readonly (string | number)[];
}

/** The rows of a span in order, one more than its limit, so that a last page is known as such. */
export function spanSql(table: TableName, span: Span): Sql {
  const { partition, sort } = spanColumns(table, span.index);
  const order = [...new Set([...(sort === undefined ? [] : [sort]), 'k_pk', 'k_sk'])];
  const conditions = [`${partition} = ?`];
  const values: (string | number)[] = [span.partition];
  const put = (condition: string, ...more: readonly (string | number)[]): void => {
    conditions.push(condition);
    values.push(...more);
  };
  if (sort !== undefined) put(`${sort} IS NOT NULL`);
  const { lower, upper } = boundsOf(span.range);
  if (sort !== undefined && lower !== undefined && (span.after === undefined || span.descending))
    put(`${sort} ${lower.inclusive ? '>=' : '>'} ?`, lower.value);
  if (sort !== undefined && upper !== undefined && (span.after === undefined || !span.descending))
    put(`${sort} ${upper.inclusive ? '<=' : '<'} ?`, upper.value);
  if (span.after !== undefined) {
    const { pk, sk, sort: at } = span.after;
    const place: Readonly<Record<string, string | number>> = {
      ...(sort === undefined ? {} : { [sort]: at ?? '' }),
      k_pk: pk,
      k_sk: sk,
    };
    put(
      `(${order.join(', ')}) ${span.descending ? '<' : '>'} (${order.map(() => '?').join(', ')})`,
      ...order.map((column) => place[column] ?? ''),
    );
  }
  const by = order.map((column) => `${column}${span.descending ? ' DESC' : ''}`).join(', ');
  return {
    text: `SELECT k_pk, k_sk, rev, ttl, doc FROM ${quoted(table)} WHERE ${conditions.join(' AND ')} ORDER BY ${by} LIMIT ?`,
    values: [...values, span.limit + 1],
  };
}

function spanColumns(
  table: TableName,
  index: string | undefined,
): { readonly partition: string; readonly sort: string | undefined } {
  const spec = specOf(table);
  if (index === undefined) return { partition: 'k_pk', sort: 'k_sk' };
  const [partition = 'k_pk', sort] = indexColumns(spec, indexOf(table, index));
  return { partition, sort };
}
