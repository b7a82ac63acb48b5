import {
  BatchWriteItemCommand,
  DynamoDBClient,
  paginateScan,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { dynamoSegments } from '@sealgate/vault/dynamodb';
import { expect } from 'vitest';
import type { connectionOf } from './database.ts';

/** Where a batch lies. */
interface BatchKey {
  readonly part: AttributeValue.SMember;
  readonly place: AttributeValue.SMember;
}

/** A batch's number, which is its place, has so many. */
const digits = 16;

/**
 * Wait until the journals on DynamoDB are sealed, all they hold now, and remove from their table whatever was: no reader finds it
 * there. The last batch that was sealed of each stays, for the next one joins it.
 *
 * @returns batches removed
 */
export async function leaveJournal(connection: ReturnType<typeof connectionOf>): Promise<number> {
  const client = new DynamoDBClient(connection);
  const segments = dynamoSegments({ ...connection, now: Date.now });
  const TableName = `${connection.tablePrefix}audit_journal`;
  try {
    const wanted = lastOf(await batchesIn(client, TableName));
    const sealed = async (): Promise<ReadonlyMap<string, number>> => {
      const name = (await segments.periods()).at(-1);
      const throughs = name === undefined ? [] : await (await segments.period(name)).throughs();
      return new Map(throughs.map(({ writer, batch }) => [`J#${writer}`, batch]));
    };
    const isSealed = async (): Promise<boolean> => {
      const through = await sealed();
      return [...wanted].every(([part, n]) => (through.get(part) ?? 0) >= n);
    };
    await expect.poll(isSealed, { timeout: 90_000, interval: 500 }).toBe(true);
    const through = await sealed();
    const gone = (await batchesIn(client, TableName)).filter(
      ({ part, place }) => Number(place.S) < (through.get(part.S) ?? 0),
    );
    for (let at = 0; at < gone.length; at += 25) {
      const removed = gone.slice(at, at + 25).map((key) => ({ DeleteRequest: { Key: { ...key } } }));
      await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: removed } }));
    }
    return gone.length;
  } finally {
    await segments.close();
    client.destroy();
  }
}

async function batchesIn(client: DynamoDBClient, TableName: string): Promise<readonly BatchKey[]> {
  const found: BatchKey[] = [];
  for await (const { Items = [] } of paginateScan(
    { client },
    { TableName, ProjectionExpression: 'part, place' },
  ))
    for (const item of Items as unknown as readonly BatchKey[])
      if (item.part.S.startsWith('J#') && item.place.S.length === digits) found.push(item);
  return found;
}

function lastOf(batches: readonly BatchKey[]): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const { part, place } of batches) last.set(part.S, Math.max(last.get(part.S) ?? 0, Number(place.S)));
  return last;
}
