import { randomBytes } from 'node:crypto';
import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  ScanCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { cursorInvalid, readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedEnd, checkedName, checkedOwner, checkedWrite } from '../record-rules.ts';
import type { RecordWrite, Records, StoredRecord } from '../records.ts';
import { asking } from './dynamodb-error.ts';
import { ownerRows, type OwnerRows, type RowPlace } from './owner-rows.ts';
import { barAttributes, recordAttributes, recordFrom, ttlOf, type Attributes } from './record-rows.ts';

// Records in a table of DynamoDB that has a partition key and nothing else: a row for each record (`r#name`), and one for
// each owner (`o#owner`). A change of a record is one conditional write.

/** What {@link oneTableRecords} needs from outside. */
export interface OneTableOptions extends RowPlace {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** Records in one table. Closing them does not close the client. */
export function oneTableRecords(options: OneTableOptions): Records {
  const rows = rowsOf(options);
  const owners = ownerRows(options, options.now);
  return {
    ...writesOf(options, rows, owners),
    ...listsOf(options, rows, owners),
    close: async () => undefined,
  };
}

interface Rows {
  living(name: string): Promise<StoredRecord | undefined>;
  keyOf(name: string): Attributes;
  isLiving(record: StoredRecord | undefined): record is StoredRecord;
}

function rowsOf({ client, TableName, key, now }: OneTableOptions): Rows {
  const keyOf = (name: string): Attributes => ({ [key]: { S: `r#${name}` } });
  const isLiving = (record: StoredRecord | undefined): record is StoredRecord =>
    record !== undefined && record.endsAtMs > now();
  return {
    keyOf,
    isLiving,
    async living(name) {
      const command = new GetItemCommand({ TableName, Key: keyOf(name), ConsistentRead: true });
      const { Item } = await asking(() => client.send(command));
      const record = Item === undefined ? undefined : recordFrom(Item);
      return isLiving(record) ? record : undefined;
    },
  };
}

type Writes = Pick<Records, 'get' | 'put' | 'take' | 'extend' | 'bar'>;

function writesOf(options: OneTableOptions, rows: Rows, owners: OwnerRows): Writes {
  const { client, TableName, now } = options;
  const { keyOf, living, isLiving } = rows;
  const leaveAll = (name: string, left: readonly string[]) =>
    Promise.all(left.map((owner) => owners.leave(owner, name)));
  return {
    get: async (name) => living(checkedName(name)),
    put: (name, bytes, write) => asking(() => putRecord(options, { rows, owners }, { name, bytes, write })),
    take: (name) =>
      asking(async () => {
        const command = new DeleteItemCommand({
          TableName,
          Key: keyOf(checkedName(name)),
          ConditionExpression: 'endsAtMs > :now',
          ExpressionAttributeValues: numbers({ ':now': now() }),
          ReturnValues: 'ALL_OLD',
        });
        const { done, row } = await replaced(() => client.send(command));
        if (!done || row === undefined) return undefined;
        await leaveAll(name, ownersIn(row));
        return recordFrom(row);
      }),
    extend: (name, endsAtMs) =>
      asking(async () => {
        const command = extendCommand(options, keyOf(checkedName(name)), checkedEnd(endsAtMs));
        const { done, row } = await replaced(() => client.send(command));
        const record = row === undefined ? undefined : recordFrom(row);
        if (isLiving(record)) await enterAll(owners, name, record);
        return done;
      }),
    bar: (name, untilMs) =>
      asking(async () => {
        const command = new PutItemCommand({
          TableName,
          Item: { ...keyOf(checkedName(name)), ...barAttributes(checkedEnd(untilMs)) },
          ConditionExpression: 'attribute_not_exists(barredUntilMs) OR barredUntilMs < :until',
          ExpressionAttributeValues: numbers({ ':until': untilMs }),
          ReturnValues: 'ALL_OLD',
        });
        const { row } = await replaced(() => client.send(command));
        await leaveAll(name, ownersIn(row));
      }),
  };
}

function extendCommand(
  { TableName, now }: OneTableOptions,
  Key: Attributes,
  endsAtMs: number,
): UpdateItemCommand {
  return new UpdateItemCommand({
    TableName,
    Key,
    UpdateExpression: 'SET endsAtMs = :end, #ttl = :ttl',
    ConditionExpression: 'endsAtMs > :now',
    ExpressionAttributeNames: { '#ttl': 'ttl' },
    ExpressionAttributeValues: { ...numbers({ ':now': now(), ':end': endsAtMs }), ':ttl': ttlOf(endsAtMs) },
    ReturnValues: 'ALL_NEW',
  });
}

interface Put {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly write: RecordWrite;
}

async function putRecord(
  { client, TableName, now, random = randomBytes }: OneTableOptions,
  { rows, owners }: { readonly rows: Rows; readonly owners: OwnerRows },
  { name, bytes, write }: Put,
): Promise<string | undefined> {
  const { guard, ...checked } = checkedWrite(name, bytes, write);
  const revision = Buffer.from(random(15)).toString('base64url');
  const record: StoredRecord = { ...checked, bytes, revision };
  await enterAll(owners, name, record);
  const condition = conditionOf(guard);
  const command = new PutItemCommand({
    TableName,
    Item: { ...rows.keyOf(name), ...recordAttributes(record) },
    ConditionExpression: condition.text,
    ExpressionAttributeValues: { ...numbers({ ':now': now() }), ...condition.values },
    ReturnValues: 'ALL_OLD',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
  const { done, row } = await replaced(() => client.send(command));
  // Its answer was lost, and the request repeated: then what is there is what was written.
  const written = done || row?.['revision']?.S === revision;
  const stays = written ? record.owners : ownersIn(row);
  const left = (written ? ownersIn(row) : record.owners).filter((owner) => !stays.includes(owner));
  await Promise.all(left.map((owner) => owners.leave(owner, name)));
  return written ? revision : undefined;
}

async function enterAll(
  owners: OwnerRows,
  name: string,
  { owners: all, endsAtMs }: StoredRecord,
): Promise<void> {
  await Promise.all(all.map((owner) => owners.enter(owner, name, endsAtMs)));
}

function numbers(values: Readonly<Record<string, number>>): Attributes {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { N: String(value) }]));
}

function listsOf(
  { client, TableName, key }: OneTableOptions,
  { living, isLiving }: Rows,
  owners: OwnerRows,
): Pick<Records, 'list' | 'scan'> {
  return {
    async list(owner, { limit, cursor }) {
      const question = ['list', checkedOwner(owner)];
      const [from = ''] = cursor === undefined ? [] : readCursor(question, cursor);
      const names = (await asking(() => owners.namesOf(owner))).filter((name) => name > String(from));
      const page = names.slice(0, checkedLimit(limit));
      const found = await Promise.all(page.map(living));
      const last = names.length > page.length ? page.at(-1) : undefined;
      return {
        names: page.filter((_, n) => found[n]?.owners.includes(owner) ?? false),
        cursor: last === undefined ? undefined : writeCursor(question, [last]),
      };
    },
    async scan({ limit, cursor }) {
      const command = new ScanCommand({
        TableName,
        Limit: checkedLimit(limit),
        ConsistentRead: true,
        ...(cursor === undefined ? {} : { ExclusiveStartKey: { [key]: { S: scanPlace(cursor) } } }),
      });
      const { Items = [], LastEvaluatedKey } = await asking(() => client.send(command));
      const ours = Items.filter((row) => row[key]?.S?.startsWith('r#'));
      const last = LastEvaluatedKey?.[key]?.S;
      return {
        names: ours.filter((row) => isLiving(recordFrom(row))).map((row) => row[key]?.S?.slice(2) ?? ''),
        cursor: last === undefined ? undefined : writeCursor(['scan'], [last]),
      };
    },
  };
}

function scanPlace(cursor: string): string {
  const [place, ...more] = readCursor(['scan'], cursor);
  if (typeof place !== 'string' || place === '' || more.length > 0)
    throw cursorInvalid('not a place of a scan');
  return place;
}

const notBarred = '(attribute_not_exists(barredUntilMs) OR barredUntilMs <= :now)';

function conditionOf(guard: RecordWrite['guard']): { readonly text: string; readonly values: Attributes } {
  if (guard === undefined) return { text: notBarred, values: {} };
  if ('ifAbsent' in guard)
    return { text: `${notBarred} AND (attribute_not_exists(endsAtMs) OR endsAtMs <= :now)`, values: {} };
  return {
    text: 'revision = :revision AND endsAtMs > :now',
    values: { ':revision': { S: guard.ifRevision } },
  };
}

interface Replaced {
  readonly done: boolean;
  /** What the command returned, or what stood in its way. */
  readonly row: Attributes | undefined;
}

async function replaced(
  send: () => Promise<{ readonly Attributes?: Attributes | undefined }>,
): Promise<Replaced> {
  try {
    return { done: true, row: (await send()).Attributes };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return { done: false, row: error.Item };
  }
}

function ownersIn(row: Attributes | undefined): readonly string[] {
  return row?.['owners']?.SS ?? [];
}
