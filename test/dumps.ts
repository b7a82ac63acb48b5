import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  DynamoDBClient,
  ListTablesCommand,
  ScanCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { createClient, RESP_TYPES } from '@redis/client';
import { connectionOf, type DynamoEnvironment } from './backing/database.ts';
import { leaksIn } from './leaks.ts';

// Every byte that a deployment keeps, as somebody has it who copied its disks and its databases.

/** Some bytes, and where they were. */
export interface Dump {
  readonly where: string;
  readonly bytes: Buffer;
}

/** Secrets by what they are. */
export type Named = Readonly<Record<string, string>>;

/** What was found where: `refresh token as base64url in main.db`. The secret itself is not said. */
export function foundIn(dumps: readonly Dump[], secrets: Named): readonly string[] {
  const named = Object.entries(secrets);
  return dumps.flatMap(({ where, bytes }) =>
    named.flatMap(([name, secret]) =>
      leaksIn(where, bytes, [secret]).map((leak) => leak.replace('secret 0', name)),
    ),
  );
}

/** Every file under a folder as it lies, and the rows of its databases, whose text may be cut by pages in the file. */
export async function dumpFolder(folder: string): Promise<readonly Dump[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const whole = await Promise.all(files.map(async (where) => ({ where, bytes: await readFile(where) })));
  const databases = files.filter((file) => /(?:main|journal)\.db$/.test(file));
  return [...whole, ...databases.flatMap(dumpRows)];
}

function dumpRows(file: string): readonly Dump[] {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    return tables.map(({ name }) => ({
      where: `${file}, ${String(name)}`,
      bytes: bytesOf(db.prepare(`SELECT * FROM "${String(name)}"`).all()),
    }));
  } finally {
    db.close();
  }
}

/** Every item of every table, whatever its form. */
export async function dumpDynamo(env: DynamoEnvironment): Promise<readonly Dump[]> {
  const client = new DynamoDBClient(connectionOf(env));
  const dumps: Dump[] = [];
  try {
    for (const TableName of await tablesOf(client, env.DYNAMODB_TABLE_PREFIX)) {
      let from: Record<string, AttributeValue> | undefined;
      do {
        const { Items = [], LastEvaluatedKey } = await client.send(
          new ScanCommand({ TableName, ConsistentRead: true, ...(from && { ExclusiveStartKey: from }) }),
        );
        dumps.push({ where: TableName, bytes: bytesOf(Items) });
        from = LastEvaluatedKey;
      } while (from !== undefined);
    }
    return dumps;
  } finally {
    client.destroy();
  }
}

async function tablesOf(client: DynamoDBClient, prefix: string): Promise<readonly string[]> {
  const names: string[] = [];
  let last: string | undefined;
  do {
    const page = await client.send(
      new ListTablesCommand(last === undefined ? {} : { ExclusiveStartTableName: last }),
    );
    names.push(...(page.TableNames ?? []).filter((name) => name.startsWith(prefix)));
    last = page.LastEvaluatedTableName;
  } while (last !== undefined);
  return names;
}

const asBytes = { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } };
const reads: Readonly<Record<string, (key: string) => string[]>> = {
  string: (key) => ['GET', key],
  hash: (key) => ['HGETALL', key],
  set: (key) => ['SMEMBERS', key],
  list: (key) => ['LRANGE', key, '0', '-1'],
  zset: (key) => ['ZRANGE', key, '0', '-1', 'WITHSCORES'],
  stream: (key) => ['XRANGE', key, '-', '+'],
};

/** Every key of a Redis and what it holds. @throws Error for a type that it cannot read */
export async function dumpRedis(url: string): Promise<readonly Dump[]> {
  const client = await createClient({ url }).connect();
  try {
    const dumps: Dump[] = [];
    for await (const keys of client.scanIterator({ COUNT: 500 }))
      for (const key of keys) {
        const type = await client.type(key);
        // Ended between the two questions.
        if (type === 'none') continue;
        const read = reads[type];
        if (read === undefined) throw new Error(`a key of type ${type}`);
        dumps.push({
          where: `redis ${key}`,
          bytes: bytesOf([key, await client.sendCommand(read(key), asBytes)]),
        });
      }
    return dumps;
  } finally {
    client.destroy();
  }
}

/** Hears every message on every channel of a Redis. */
export interface Eavesdropper {
  heard(): readonly Dump[];
  close(): void;
}

/** Begin to listen. */
export async function overhear(url: string): Promise<Eavesdropper> {
  const client = await createClient({ url }).connect();
  const heard: Dump[] = [];
  await client.pSubscribe(
    '*',
    (message, channel) =>
      void heard.push({ where: `channel ${channel.toString()}`, bytes: bytesOf([channel, message]) }),
    true,
  );
  return { heard: () => heard, close: () => client.destroy() };
}

/** Every text and every byte that a value holds, names included. */
function bytesOf(value: unknown): Buffer {
  const parts: Buffer[] = [];
  const walk = (each: unknown): void => {
    if (each instanceof Uint8Array) parts.push(Buffer.from(each));
    else if (Array.isArray(each)) each.forEach(walk);
    else if (each instanceof Map || each instanceof Set) [...each].forEach(walk);
    else if (typeof each === 'object' && each !== null) Object.entries(each).forEach(walk);
    else parts.push(Buffer.from(String(each)));
    parts.push(Buffer.from('\n'));
  };
  walk(value);
  return Buffer.concat(parts);
}
