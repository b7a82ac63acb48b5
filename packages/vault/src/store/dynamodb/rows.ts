import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Row, TableKey } from '../engine.ts';
import { revisionAttribute, specOf } from '../item-rules.ts';
import type { TableName } from '../spec.ts';
import type { Item } from '../tables.ts';
import { attributesOf, itemFromAttributes } from './attribute-values.ts';

// A row is the item itself and one attribute beside it: its revision. An item that another program or an import wrote
// has none.

type Attributes = Record<string, AttributeValue>;

/** The key of a row under the table's own names. */
export function keyAttributes(table: TableName, { pk, sk }: TableKey): Attributes {
  const { partition, sort } = specOf(table);
  return { [partition]: { S: pk }, ...(sort === undefined ? {} : { [sort]: { S: sk } }) };
}

/** The whole row. */
export function rowAttributes({ json, revision }: Row): Attributes {
  const item = attributesOf(JSON.parse(json) as Item);
  return revision === undefined ? item : { ...item, [revisionAttribute]: { S: revision } };
}

/** @throws Refusal `store_unavailable` for what no item of ours holds */
export function rowFrom(table: TableName, attributes: Attributes): Row {
  const { partition, sort, ttl } = specOf(table);
  const { [revisionAttribute]: revision, ...rest } = attributes;
  const item = itemFromAttributes(rest);
  const end = ttl === undefined ? undefined : item[ttl];
  return {
    pk: attributes[partition]?.S ?? '',
    sk: sort === undefined ? '' : (attributes[sort]?.S ?? ''),
    revision: revision?.S,
    ttlSeconds: typeof end === 'number' ? end : undefined,
    json: JSON.stringify(item),
  };
}
