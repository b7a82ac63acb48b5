import type {
  CreateTableCommandInput,
  GlobalSecondaryIndex,
  KeySchemaElement,
} from '@aws-sdk/client-dynamodb';
import { tableSpecs, type IndexSpec, type TableName, type TableSpec } from '../spec.ts';

// The form of the tables as DynamoDB describes it, made from the spec.

/** Every table of the product. */
export const tableNames = Object.keys(tableSpecs) as TableName[];

/** The parts of a table that do not change after it was made. */
export type TableForm = Required<
  Pick<CreateTableCommandInput, 'AttributeDefinitions' | 'KeySchema' | 'BillingMode'>
> &
  Pick<CreateTableCommandInput, 'GlobalSecondaryIndexes'>;

/** Key, indexes and billing of a table. An index holds whole items: what is found in it is not asked for again. */
export function formOf(table: TableName): TableForm {
  const spec: TableSpec = tableSpecs[table];
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
 * return. Not that of tables whose items end by themselves and cannot be asked for again anyway: what was ended or
 * barred since would return, too.
 */
export function isRestorable(table: TableName): boolean {
  const { leftBehind }: TableSpec = tableSpecs[table];
  return table !== 'tenant_keys' && leftBehind !== true;
}

function keySchema({ partition, sort }: Pick<IndexSpec, 'partition' | 'sort'>): KeySchemaElement[] {
  const hash: KeySchemaElement = { AttributeName: partition, KeyType: 'HASH' };
  return sort === undefined ? [hash] : [hash, { AttributeName: sort, KeyType: 'RANGE' }];
}
