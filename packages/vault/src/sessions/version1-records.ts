import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
  type DynamoDBClient,
} from '@aws-sdk/client-dynamodb';
import { readCursor, writeCursor } from '../store/cursor.ts';
import { asking } from '../store/dynamodb/dynamodb-error.ts';
import type { RecordWrite, Records, StoredRecord } from '../store/records.ts';
import { sessionFrom } from './stored-session.ts';
import { attributesOf, keyOf, recordFrom } from './version1-rows.ts';
import { sealVersion1, version1Names, type Version1Options } from './version1.ts';

// Rows of version 1 as records of sessions: named by the session's id, in the same table as ours. Their nonce is their
// revision: every write has another. Without `generate` they are read, extended and removed, never written.

/** Where the rows are. */
export interface Version1Table {
  readonly client: DynamoDBClient;
  readonly TableName: string;
  readonly now: () => number;
  /** Rows of version 1 name no owner: they are read to find a user's. */
  readonly userOf: (session: object) => string | undefined;
}

/** The rows of version 1 in this table. */
export function version1Records(table: Version1Table, options: Version1Options): Records {
  const { client, TableName, now } = table;
  const read = async (sessionId: string): Promise<StoredRecord | undefined> => {
    const command = new GetItemCommand({ TableName, Key: keyOf(sessionId), ConsistentRead: true });
    const { Item } = await asking(() => client.send(command));
    return Item === undefined ? undefined : recordFrom(Item, options, now());
  };
  const scan = scanOf(table, options);
  return {
    get: read,
    ...writesOf(table, options),
    scan,
    async list(owner, page) {
      const { names, cursor } = await scan(page);
      const found = await Promise.all(names.map((name) => read(name).catch(() => undefined)));
      const isTheirs = (record: StoredRecord | undefined): boolean =>
        record !== undefined && table.userOf(JSON.parse(sessionFrom(record.bytes).text) as object) === owner;
      return { names: names.filter((_, n) => isTheirs(found[n])), cursor };
    },
    close: async () => undefined,
  };
}

function writesOf(
  table: Version1Table,
  options: Version1Options,
): Pick<Records, 'put' | 'take' | 'extend' | 'bar'> {
  const { client, TableName, now } = table;
  const names = { '#iv': version1Names(options).iv };
  const removed = (sessionId: string) =>
    won(() =>
      client.send(
        new DeleteItemCommand({
          TableName,
          Key: keyOf(sessionId),
          ConditionExpression: 'attribute_exists(#iv)',
          ExpressionAttributeNames: names,
        }),
      ),
    );
  return {
    put: (sessionId, bytes, write) => asking(() => putRow(table, options, { sessionId, bytes, ...write })),
    async take(sessionId) {
      await asking(() => removed(sessionId));
      return undefined;
    },
    extend(sessionId, endsAtMs) {
      const update = new UpdateItemCommand({
        TableName,
        Key: keyOf(sessionId),
        UpdateExpression: 'SET #ttl = :ttl',
        ConditionExpression: 'attribute_exists(#iv) AND #ttl > :now',
        ExpressionAttributeNames: { ...names, '#ttl': 'ttl' },
        ExpressionAttributeValues: { ':now': { N: String(now() / 1000) }, ':ttl': secondsOf(endsAtMs) },
      });
      return asking(() => won(() => client.send(update)));
    },
    bar: (sessionId, untilMs) =>
      asking(async () => {
        // Where nothing is written as version 1, nothing can come back, and no id is put into the table in clear.
        if (options.generate === undefined) return void (await removed(sessionId));
        const Item = {
          ...keyOf(sessionId),
          version: { N: '1' },
          barred: { BOOL: true },
          ttl: secondsOf(untilMs),
        };
        await client.send(new PutItemCommand({ TableName, Item }));
      }),
  };
}

interface Row extends RecordWrite {
  readonly sessionId: string;
  readonly bytes: Uint8Array;
}

async function putRow(
  { client, TableName, now }: Version1Table,
  options: Version1Options,
  { sessionId, bytes, endsAtMs, guard }: Row,
): Promise<string | undefined> {
  const { generate } = options;
  if (generate === undefined) return undefined;
  const { iv } = version1Names(options);
  const { text } = sessionFrom(Uint8Array.from(bytes));
  const row = await sealVersion1({ sessionId, ttl: Math.ceil(endsAtMs / 1000) }, text, {
    ...options,
    generate,
  });
  const free = {
    ConditionExpression:
      guard === undefined ? notBarred : `(${notBarred}) AND (attribute_not_exists(#iv) OR #ttl <= :now)`,
    ExpressionAttributeNames: guard === undefined ? { '#ttl': 'ttl' } : { '#ttl': 'ttl', '#iv': iv },
    ExpressionAttributeValues: { ':now': { N: String(now() / 1000) } },
  };
  const condition =
    guard !== undefined && 'ifRevision' in guard
      ? {
          ConditionExpression: '#iv = :over',
          ExpressionAttributeNames: { '#iv': iv },
          ExpressionAttributeValues: { ':over': { S: guard.ifRevision } },
        }
      : free;
  const put = new PutItemCommand({ TableName, Item: attributesOf(row), ...condition });
  return (await won(() => client.send(put))) ? String(row[iv]) : undefined;
}

const notBarred = 'attribute_not_exists(barred) OR #ttl <= :now';

async function won(send: () => Promise<unknown>): Promise<boolean> {
  try {
    await send();
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    throw error;
  }
}

function secondsOf(endsAtMs: number): { readonly N: string } {
  return { N: String(Math.ceil(endsAtMs / 1000)) };
}

function scanOf({ client, TableName, now }: Version1Table, options: Version1Options): Records['scan'] {
  const names = { '#iv': version1Names(options).iv, '#ttl': 'ttl' };
  return async ({ limit, cursor }) => {
    const [from] = cursor === undefined ? [] : readCursor(['version1'], cursor);
    const command = new ScanCommand({
      TableName,
      Limit: limit,
      ConsistentRead: true,
      FilterExpression: 'attribute_exists(#iv) AND #ttl > :now',
      ExpressionAttributeNames: names,
      ExpressionAttributeValues: { ':now': { N: String(Math.floor(now() / 1000)) } },
      ...(from === undefined ? {} : { ExclusiveStartKey: keyOf(String(from)) }),
    });
    const { Items = [], LastEvaluatedKey } = await asking(() => client.send(command));
    const last = LastEvaluatedKey?.['sessionId']?.S;
    return {
      names: Items.map((row) => row['sessionId']?.S ?? ''),
      cursor: last === undefined ? undefined : writeCursor(['version1'], [last]),
    };
  };
}
