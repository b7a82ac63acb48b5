import type { AttributeValue, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { Position, Span, TableKey } from '../engine.ts';
import { indexOf, specOf } from '../item-rules.ts';
import type { TableName } from '../spec.ts';
import type { SortRange } from '../tables.ts';
import { attributeOf } from './attribute-values.ts';
import { keyAttributes } from './rows.ts';

type Attributes = Record<string, AttributeValue>;

/** A span as a query. @param TableName as DynamoDB knows it */
export function queryOf(
  table: TableName,
  TableName: string,
  span: Span,
): QueryCommandInput & { Limit: number } {
  const { partition, sort } = span.index === undefined ? specOf(table) : indexOf(table, span.index);
  const range = span.range === undefined ? undefined : rangeOf(span.range);
  return {
    TableName,
    // An index cannot be read consistently.
    ...(span.index === undefined ? { ConsistentRead: true } : { IndexName: span.index }),
    KeyConditionExpression: range === undefined ? '#pk = :pk' : `#pk = :pk AND ${range.text}`,
    ExpressionAttributeNames: {
      '#pk': partition,
      ...(range === undefined || sort === undefined ? {} : { '#sk': sort }),
    },
    ExpressionAttributeValues: { ':pk': { S: span.partition }, ...range?.values },
    ScanIndexForward: !span.descending,
    Limit: span.limit,
    ...(span.after === undefined ? {} : { ExclusiveStartKey: startKey(table, span, span.after) }),
  };
}

/** Where DynamoDB begins: the key of a row, and its place in the index. */
function startKey(table: TableName, { index, partition }: Span, after: Position): Attributes {
  const key = keyAttributes(table, after);
  if (index === undefined) return key;
  const spec = indexOf(table, index);
  return {
    ...key,
    [spec.partition]: { S: partition },
    ...(spec.sort === undefined || after.sort === undefined ? {} : { [spec.sort]: attributeOf(after.sort) }),
  };
}

/** A key as the beginning of a scan. */
export function scanStart(table: TableName, after: TableKey | undefined): Attributes | undefined {
  return after === undefined ? undefined : keyAttributes(table, after);
}

function rangeOf(range: SortRange): { readonly text: string; readonly values: Attributes } {
  if ('before' in range) return { text: '#sk < :a', values: { ':a': attributeOf(range.before) } };
  if ('after' in range) return { text: '#sk > :a', values: { ':a': attributeOf(range.after) } };
  if ('beginsWith' in range)
    return { text: 'begins_with(#sk, :a)', values: { ':a': attributeOf(range.beginsWith) } };
  const [low, high] = range.between;
  return {
    text: '#sk BETWEEN :a AND :b',
    values: { ':a': attributeOf(low), ':b': attributeOf(high) },
  };
}
