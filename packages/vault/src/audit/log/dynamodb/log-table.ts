import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  BatchGetItemCommand,
  BatchWriteItemCommand,
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  type AttributeValue,
  type DynamoDBClient,
  type WriteRequest,
} from '@aws-sdk/client-dynamodb';
import { refuse } from '../../../refusal.ts';
import { asking } from '../../../store/dynamodb/dynamodb-error.ts';
import { keyOf, type Attributes, type ItemKey } from './items.ts';

// Requests about a table of the sealed log. Reads are consistent.

/** A stretch of a partition: places that begin so, or that lie between two, both included. */
export interface Stretch {
  readonly part: string;
  readonly places: { readonly beginWith: string } | { readonly from: string; readonly to: string };
  readonly descending?: boolean;
  /** Items asked for at once; as many as there are when not given. */
  readonly page?: number;
  /** Whether to read keys alone. */
  readonly keysOnly?: boolean;
}

/** When a put happens. `absent`: nothing lies there. A number: nothing lies there that a segment as late or later put. */
export type PutWhen = 'absent' | 'always' | { readonly laterThan: number };

/** One table. All methods throw Refusal `store_unavailable`. */
export interface LogTable {
  get(key: ItemKey): Promise<Attributes | undefined>;
  /** What lies at these keys, in no order. */
  getAll(keys: readonly ItemKey[]): Promise<Attributes[]>;
  /** Items of a stretch in their order, page by page. */
  pages(stretch: Stretch): AsyncGenerator<Attributes[]>;
  /** Items of a stretch in their order, at most `limit` of them. */
  list(stretch: Stretch, limit?: number): Promise<Attributes[]>;
  /** @returns what lies there when it did not happen; `undefined` when it did */
  put(item: Attributes, when: PutWhen): Promise<Attributes | undefined>;
  /** Put and remove whatever lies there; of two about one item the last. */
  batch(puts: readonly Attributes[], removes: readonly ItemKey[]): Promise<void>;
}

const getMax = 100;
const writeMax = 25;
const writeBytesMax = 8_000_000;
/** Requests of one kind under way at once. */
const atOnce = 16;
/** Answers in a row that leave everything to be asked for again. */
const idleMax = 12;

/** The table of this name. */
export function logTable(client: DynamoDBClient, TableName: string): LogTable {
  const pages = pagesOf(client, TableName);
  return {
    get: (key) =>
      asking(async () => {
        const input = { TableName, Key: keyOf(key), ConsistentRead: true };
        return (await client.send(new GetItemCommand(input))).Item;
      }),
    async getAll(keys) {
      const found = await inTurn(
        groups(
          once(keys, (key) => key),
          getMax,
        ),
        (group) => asking(() => getSome(client, TableName, group)),
      );
      return found.flat();
    },
    pages,
    async list(stretch, limit = Infinity) {
      const found: Attributes[] = [];
      for await (const page of pages(stretch)) {
        found.push(...page.slice(0, limit - found.length));
        if (found.length >= limit) break;
      }
      return found;
    },
    put: (item, when) => asking(() => putItem(client, TableName, item, when)),
    async batch(puts, removes) {
      const requests: WriteRequest[] = [
        ...puts.map((Item) => ({ PutRequest: { Item } })),
        ...removes.map((key) => ({ DeleteRequest: { Key: keyOf(key) } })),
      ];
      await inTurn(writeGroups(once(requests, keyIn)), (group) =>
        asking(() => writeSome(client, TableName, group)),
      );
    },
  };
}

function pagesOf(client: DynamoDBClient, TableName: string): LogTable['pages'] {
  return async function* ({ part, places, descending = false, page, keysOnly = false }) {
    const [text, values]: [string, Record<string, AttributeValue>] =
      'beginWith' in places
        ? ['begins_with(#place, :a)', { ':a': { S: places.beginWith } }]
        : ['#place BETWEEN :a AND :b', { ':a': { S: places.from }, ':b': { S: places.to } }];
    const input = {
      TableName,
      ConsistentRead: true,
      KeyConditionExpression: `#part = :part AND ${text}`,
      ExpressionAttributeNames: { '#part': 'part', '#place': 'place' },
      ExpressionAttributeValues: { ':part': { S: part }, ...values },
      ScanIndexForward: !descending,
      ...(page === undefined ? {} : { Limit: page }),
      ...(keysOnly ? { ProjectionExpression: '#part, #place' } : {}),
    };
    let start: Record<string, AttributeValue> | undefined;
    do {
      const from = start;
      const { Items = [], LastEvaluatedKey } = await asking(() =>
        client.send(new QueryCommand({ ...input, ExclusiveStartKey: from })),
      );
      if (Items.length > 0) yield Items;
      start = LastEvaluatedKey;
    } while (start !== undefined);
  };
}

async function getSome(
  client: DynamoDBClient,
  TableName: string,
  keys: readonly ItemKey[],
): Promise<Attributes[]> {
  const found: Attributes[] = [];
  let Keys = keys.map(keyOf);
  for (let idle = 0; Keys.length > 0;) {
    const input = { RequestItems: { [TableName]: { Keys, ConsistentRead: true } } };
    const { Responses = {}, UnprocessedKeys = {} } = await client.send(new BatchGetItemCommand(input));
    found.push(...(Responses[TableName] ?? []));
    const left = UnprocessedKeys[TableName]?.Keys ?? [];
    idle = await rested(left.length < Keys.length ? 0 : idle + 1, left.length);
    Keys = left;
  }
  return found;
}

async function writeSome(client: DynamoDBClient, TableName: string, requests: WriteRequest[]): Promise<void> {
  for (let idle = 0, waiting = requests; waiting.length > 0;) {
    const input = { RequestItems: { [TableName]: waiting } };
    const { UnprocessedItems = {} } = await client.send(new BatchWriteItemCommand(input));
    const left = UnprocessedItems[TableName] ?? [];
    idle = await rested(left.length < waiting.length ? 0 : idle + 1, left.length);
    waiting = left;
  }
}

async function rested(idle: number, left: number): Promise<number> {
  if (idle === idleMax)
    throw refuse('store_unavailable', 'the database is overloaded', `${left} items were not taken`);
  if (left > 0) await sleep(randomInt(1, 50 * 2 ** Math.min(idle, 8)));
  return idle;
}

async function putItem(
  client: DynamoDBClient,
  TableName: string,
  Item: Attributes,
  when: PutWhen,
): Promise<Attributes | undefined> {
  const condition =
    when === 'always'
      ? {}
      : when === 'absent'
        ? {
            ConditionExpression: 'attribute_not_exists(#part)',
            ExpressionAttributeNames: { '#part': 'part' },
          }
        : {
            ConditionExpression: 'attribute_not_exists(#n) OR #n < :n',
            ExpressionAttributeNames: { '#n': 'n' },
            ExpressionAttributeValues: { ':n': { N: String(when.laterThan) } },
          };
  const input = { TableName, Item, ...condition, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const };
  try {
    await client.send(new PutItemCommand(input));
    return undefined;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return error.Item ?? {};
    throw error;
  }
}

// No request may name an item twice.
function once<T>(all: readonly T[], keyFrom: (each: T) => unknown): T[] {
  return [...new Map(all.map((each) => [JSON.stringify(keyFrom(each)), each])).values()];
}

function keyIn({ PutRequest, DeleteRequest }: WriteRequest): unknown {
  const key = PutRequest?.Item ?? DeleteRequest?.Key;
  return [key?.['part'], key?.['place']];
}

/** Do it for each, some at a time. */
export async function inTurn<T, V>(all: readonly T[], work: (each: T) => Promise<V>): Promise<V[]> {
  const done: V[] = [];
  for (const some of groups(all, atOnce)) done.push(...(await Promise.all(some.map(work))));
  return done;
}

function groups<T>(all: readonly T[], most: number): T[][] {
  const parts: T[][] = [];
  for (let at = 0; at < all.length; at += most) parts.push(all.slice(at, at + most));
  return parts;
}

/** 25 requests, or 8 MB (`BatchWriteItem` takes 16). */
function writeGroups(requests: readonly WriteRequest[]): WriteRequest[][] {
  const parts: WriteRequest[][] = [];
  let bytes = 0;
  for (const request of requests) {
    const item = request.PutRequest?.Item ?? {};
    const size = Object.values(item).reduce(
      (sum, { S, B }) => sum + (S?.length ?? 0) + (B?.length ?? 0),
      100,
    );
    const last = parts.at(-1);
    if (last === undefined || last.length === writeMax || bytes + size > writeBytesMax) {
      parts.push([request]);
      bytes = size;
    } else {
      last.push(request);
      bytes += size;
    }
  }
  return parts;
}
