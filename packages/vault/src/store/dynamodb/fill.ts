import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BatchWriteItemCommand, type DynamoDBClient, type WriteRequest } from '@aws-sdk/client-dynamodb';
import { refuse } from '../../refusal.ts';
import type { Row } from '../engine.ts';
import { rowAttributes } from './rows.ts';

// Rows on their way in. Writing one again changes nothing, so no token is needed and a batch does it, at half the price of
// a transaction. DynamoDB answers with what it did not write; that is asked for again, more and more slowly.

/** Of `BatchWriteItem`. */
const batchMax = 25;
const batchBytesMax = 8_000_000;
/** Batches in a row from which nothing was written; some three minutes. */
const idleMax = 12;
const pauseMsMax = 20_000;

/**
 * Write all rows, whatever lies there. @throws errors of the SDK; Refusal `store_unavailable` when DynamoDB takes none for long
 */
export async function fillTable(
  client: DynamoDBClient,
  TableName: string,
  rows: readonly Row[],
): Promise<void> {
  for (const batch of batchesOf(rows)) {
    let waiting: WriteRequest[] = batch.map((row) => ({ PutRequest: { Item: rowAttributes(row) } }));
    for (let idle = 0; waiting.length > 0;) {
      const left = await written(client, TableName, waiting);
      idle = left.length < waiting.length ? 0 : idle + 1;
      waiting = left;
      if (idle === idleMax)
        throw refuse(
          'store_unavailable',
          'the database is overloaded',
          `${waiting.length} rows were not taken`,
        );
      if (waiting.length > 0) await sleep(randomInt(1, Math.min(pauseMsMax, 50 * 2 ** idle)));
    }
  }
}

// What is left to write. A batch that meets a transaction, or is throttled as a whole, is left whole.
async function written(
  client: DynamoDBClient,
  TableName: string,
  requests: WriteRequest[],
): Promise<WriteRequest[]> {
  try {
    const { UnprocessedItems } = await client.send(
      new BatchWriteItemCommand({ RequestItems: { [TableName]: requests } }),
    );
    return UnprocessedItems?.[TableName] ?? [];
  } catch (error) {
    if (error instanceof Error && again.has(error.name)) return requests;
    throw error;
  }
}

const again = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'TransactionConflictException',
]);

function* batchesOf(rows: readonly Row[]): Generator<readonly Row[]> {
  let batch: Row[] = [];
  let bytes = 0;
  for (const row of rows) {
    if (batch.length === batchMax || (batch.length > 0 && bytes + row.json.length > batchBytesMax)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(row);
    bytes += row.json.length;
  }
  if (batch.length > 0) yield batch;
}
