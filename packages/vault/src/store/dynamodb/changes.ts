import type { AttributeValue, TransactWriteItem } from '@aws-sdk/client-dynamodb';
import type { Change, Condition } from '../engine.ts';
import { revisionAttribute, specOf } from '../item-rules.ts';
import type { TableName } from '../spec.ts';
import { keyAttributes, rowAttributes } from './rows.ts';

// Changes and their conditions in DynamoDB's expressions. Every name and value is a placeholder: the text of an
// expression depends on the kind of condition only.

interface Expression {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeNames: Record<string, string>;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
}

/** One change as an element of a transaction. @param TableName as DynamoDB knows it */
export function writeOf(change: Change, TableName: string, nowSeconds: number): TransactWriteItem {
  const { table, condition } = change;
  const expression = conditionOf(table, condition, nowSeconds);
  if (change.act === 'put') return { Put: { TableName, Item: rowAttributes(change.row), ...expression } };
  const Key = keyAttributes(table, change.row);
  if (change.act === 'remove') return { Delete: { TableName, Key, ...expression } };
  if (expression === undefined) throw new TypeError('a check without a condition');
  return { ConditionCheck: { TableName, Key, ...expression } };
}

function conditionOf(table: TableName, condition: Condition, nowSeconds: number): Expression | undefined {
  if (condition === undefined) return undefined;
  const { partition, ttl } = specOf(table);
  const names: Record<string, string> = { '#pk': partition };
  const values: Record<string, AttributeValue> = {};
  if (ttl !== undefined) {
    names['#ttl'] = ttl;
    values[':now'] = { N: String(nowSeconds) };
  }
  const text = condition === 'absent' ? absent(ttl) : present(ttl, condition, names, values);
  return {
    ConditionExpression: text,
    ExpressionAttributeNames: names,
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}

function absent(ttl: string | undefined): string {
  return ttl === undefined ? 'attribute_not_exists(#pk)' : 'attribute_not_exists(#pk) OR #ttl <= :now';
}

function present(
  ttl: string | undefined,
  condition: Exclude<Condition, 'absent' | undefined>,
  names: Record<string, string>,
  values: Record<string, AttributeValue>,
): string {
  const living = ttl === undefined ? '' : ' AND (attribute_not_exists(#ttl) OR NOT (#ttl <= :now))';
  if (condition === 'present') return `attribute_exists(#pk)${living}`;
  names['#rev'] = revisionAttribute;
  if (condition.revision === undefined)
    return `attribute_exists(#pk) AND attribute_not_exists(#rev)${living}`;
  delete names['#pk'];
  values[':rev'] = { S: condition.revision };
  return `#rev = :rev${living}`;
}
