import {
  GetItemCommand,
  QueryCommand,
  ScanCommand,
  type AttributeValue,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import type { Engine, Rows } from '../engine.ts';
import type { TableName } from '../spec.ts';
import { writeOf } from './changes.ts';
import { asking } from './dynamodb-error.ts';
import { keyAttributes, rowFrom } from './rows.ts';
import { queryOf, scanStart } from './span-query.ts';
import { fillTable } from './fill.ts';
import { transactOnce } from './transaction.ts';

// The engine of the DynamoDB adapter. Reads of a table are consistent; DynamoDB ends a page at 1 MB by itself.

/** A write that has not happened by then is given up. */
const writeMsMax = 20_000;

/** What came of one request for a page. */
interface Found {
  readonly Items?: Record<string, AttributeValue>[] | undefined;
  readonly LastEvaluatedKey?: Record<string, AttributeValue> | undefined;
}

/** Rows in tables whose names begin with `prefix`. Closing it ends the client. */
export function dynamoEngine(client: DynamoDBClient, prefix: string): Engine {
  const nameOf = (table: TableName): string => `${prefix}${table}`;
  return {
    get: (table, key) =>
      asking(async () => {
        const input = { TableName: nameOf(table), Key: keyAttributes(table, key), ConsistentRead: true };
        const { Item } = await client.send(new GetItemCommand(input));
        return Item === undefined ? undefined : rowFrom(table, Item);
      }),
    apply: (changes, nowSeconds) =>
      asking(async () => {
        const writes = changes.map((change) => writeOf(change, nameOf(change.table), nowSeconds));
        return transactOnce(client, writes, AbortSignal.timeout(writeMsMax));
      }),
    fill: (table, rows) => asking(() => fillTable(client, nameOf(table), rows)),
    writeMsMax,
    read: (table, span) =>
      asking(async () => {
        const query = queryOf(table, nameOf(table), span);
        return page(table, query.ExclusiveStartKey, (ExclusiveStartKey) =>
          client.send(new QueryCommand({ ...query, ExclusiveStartKey })),
        );
      }),
    scan: (table, limit, after) =>
      asking(async () => {
        const input = { TableName: nameOf(table), ConsistentRead: true, Limit: limit };
        return page(table, scanStart(table, after), (ExclusiveStartKey) =>
          client.send(new ScanCommand({ ...input, ExclusiveStartKey })),
        );
      }),
    close: () => client.destroy(),
  };
}

// A page without rows is no place to go on from, so DynamoDB's own are passed over.
async function page(
  table: TableName,
  start: Record<string, AttributeValue> | undefined,
  ask: (start: Record<string, AttributeValue> | undefined) => Promise<Found>,
): Promise<Rows> {
  for (let from = start; ;) {
    const { Items = [], LastEvaluatedKey } = await ask(from);
    if (Items.length > 0 || LastEvaluatedKey === undefined)
      return { rows: Items.map((item) => rowFrom(table, item)), more: LastEvaluatedKey !== undefined };
    from = LastEvaluatedKey;
  }
}
