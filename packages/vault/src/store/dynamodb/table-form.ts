import type {
  CreateTableCommandInput,
  GlobalSecondaryIndex,
  KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import {
  logTableSpecs,
  tableSpecs,
  type IndexSpec,
  type LogTableName,
  type TableName,
  type TableSpec,
} from '../spec.ts';

// The form of the tables as DynamoDB describes it, made from the spec.

/** Every table of the product. */
export const tableNames = Object.keys(tableSpecs) as TableName[];

/** The name of a table that lies in DynamoDB: one of the product's, or one of its sealed audit log. */
export type MadeTable = TableName | LogTableName;

const madeSpecs = { ...tableSpecs, ...logTableSpecs } as const;

/** Every table that is made in DynamoDB. */
export const madeTables = Object.keys(madeSpecs) as MadeTable[];

/** What such a table is. */
export function madeSpec(table: MadeTable): TableSpec {
  return madeSpecs[table];
}

/** The parts of a table that do not change after it was made. */
export type TableForm = Required<
  Pick<CreateTableCommandInput, 'AttributeDefinitions' | 'KeySchema' | 'BillingMode'>
> &
  Pick<CreateTableCommandInput, 'GlobalSecondaryIndexes'>;

/** Key, indexes and billing of a table. An index holds whole items: what is found in it is not asked for again. */
export function formOf(table: MadeTable): TableForm {
  const spec = madeSpec(table);
  const indexes = Object.entries(spec.indexes ?? {});
  const attributes = new Map<string, 'S' | 'N'>();
  for (const { partition, sort, sortType } of [spec, ...indexes.map(([, index]) => index)] as IndexSpec[]) {
    attributes.set(partition, 'S');
    if (sort !== undefined) attributes.set(sort, sortType === 'number' ? 'N' : 'S');
  }
  const secondary = indexes.map(([IndexName, index]): GlobalSecondaryIndex => ({
    IndexName,
    KeySchema: keySchema(index),
    Projection: { ProjectionType: 'ALL' },
  }));
  return {
    AttributeDefinitions: [...attributes].map(([AttributeName, AttributeType]) => ({
      AttributeName,
      AttributeType,
    })),
    KeySchema: keySchema(spec),
    BillingMode: 'PAY_PER_REQUEST',
    ...(secondary.length === 0 ? {} : { GlobalSecondaryIndexes: secondary }),
  };
}

/**
 * Whether yesterday's state of a table may be brought back. Not that of `tenant_keys`: a key that was shredded would
 * return. Not that of `audit_root`: what was stated of the audit log would be forgotten. Not that of tables whose items end by themselves and cannot be asked for again anyway: what was ended or
 * barred since would return, too.
 */
export function isRestorable(table: MadeTable): boolean {
  const { leftBehind } = madeSpec(table);
  return table !== 'tenant_keys' && table !== 'audit_root' && leftBehind !== true;
}

function keySchema({ partition, sort }: Pick<IndexSpec, 'partition' | 'sort'>): KeySchemaElement[] {
  const hash: KeySchemaElement = { AttributeName: partition, KeyType: 'HASH' };
  return sort === undefined ? [hash] : [hash, { AttributeName: sort, KeyType: 'RANGE' }];
}
