import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { DynamoDBClient, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { createClient } from '@redis/client';
import { createTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionOf, dynamoEnvironment, type DynamoEnvironment } from './backing/database.ts';
import { walk, type Walked } from './dump-walk.ts';
import {
  dumpDynamo,
  dumpFolder,
  dumpRedis,
  foundIn,
  overhear,
  type Dump,
  type Eavesdropper,
  type Named,
} from './dumps.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';

// Whoever copies the disks and the databases of a gateway finds nothing in them that was told it in confidence: no secret,
// token or code, no e-mail address, no address of the net, no session. Everything is searched as it lies, while the
// gateway runs and after it has stopped, in every form in which a text is usually written down.

const canary = 'planted-canary-4711';
const planted: Named = { 'planted canary': canary };

/** What a gateway printed and logged. Links for a person without mail are printed for whoever started it. */
function logOf({ gateway }: Walked): Dump {
  return { where: 'the log', bytes: Buffer.from(gateway.stderr()) };
}

describe('on files', () => {
  let walked: Walked;
  beforeAll(async () => void (walked = await walk({})), 240_000);
  afterAll(() => walked?.close());

  it('nothing of the walk is in any file or log, while it runs and after it has stopped', async () => {
    const { gateway, secrets } = walked;
    const running = await dumpFolder(gateway.dataDir);
    expect(running.map(({ where }) => where)).toContain(join(gateway.dataDir, 'main.db-wal'));
    expect(running.length).toBeGreaterThan(20);
    expect(foundIn([...running, logOf(walked)], secrets)).toEqual([]);
    expect(await gateway.stop()).toMatchObject({ code: 0 });
    expect(foundIn([...(await dumpFolder(gateway.dataDir)), logOf(walked)], secrets)).toEqual([]);
    expect(gateway.stderr().length).toBeGreaterThan(0);
  });

  it('the search finds what lies in a row', async () => {
    const { dataDir } = walked.gateway;
    const db = new DatabaseSync(join(dataDir, 'main.db'));
    const doc = JSON.stringify({ settingKey: 's', text: Buffer.from(`x${canary}`).toString('base64url') });
    db.prepare('INSERT INTO settings (k_pk, k_sk, doc) VALUES (?, ?, ?)').run('s', '', doc);
    db.close();
    const file = join(dataDir, 'main.db');
    expect(foundIn(await dumpFolder(dataDir), planted)).toEqual(
      expect.arrayContaining([
        `planted canary as base64url in ${file}`,
        `planted canary as base64url in ${file}, settings`,
      ]),
    );
  });
});

const [dynamodb, redis] = [await testService('dynamodb'), await testService('redis')];

describe.skipIf(dynamodb === undefined || redis === undefined)('on DynamoDB and Redis', () => {
  const env: DynamoEnvironment = dynamoEnvironment(dynamodb ?? '');
  const rootKey = randomBytes(32).toString('base64');
  let walked: Walked;
  let listening: Eavesdropper;
  const told = (): Named => ({ ...walked.secrets, 'root key': rootKey });
  const dumpAll = async (): Promise<readonly Dump[]> => [
    ...(await dumpDynamo(env)),
    ...(await dumpRedis(redis ?? '')),
    ...listening.heard(),
    ...(await dumpFolder(walked.gateway.dataDir)),
    logOf(walked),
  ];
  beforeAll(async () => {
    await createTables(connectionOf(env));
    listening = await overhear(redis ?? '');
    const PORT = String(await freePort());
    walked = await walk({
      ...env,
      REDIS_URL: redis ?? '',
      PORT,
      ADVERTISE_URL: `http://127.0.0.1:${PORT}`,
      TOKEN_ENCRYPTION_KEY: rootKey,
    });
  }, 240_000);
  afterAll(async () => {
    listening?.close();
    await walked?.close();
  });

  it('nothing of the walk is in any table, key, message, file or log', async () => {
    const dumps = await dumpAll();
    const from = (start: string) => dumps.filter(({ where }) => where.startsWith(start)).length;
    expect(from(env.DYNAMODB_TABLE_PREFIX)).toBe(28);
    expect(from('redis ')).toBeGreaterThan(3);
    expect(from('channel ')).toBeGreaterThan(0);
    expect(foundIn(dumps, told())).toEqual([]);
  });

  it('no person and no group is in any key, value or message of Redis', async () => {
    const client = new DynamoDBClient(connectionOf(env));
    const users = new ScanCommand({ TableName: `${env.DYNAMODB_TABLE_PREFIX}users` });
    const { Items = [] } = await client.send(users);
    client.destroy();
    expect(Items).toHaveLength(2);
    const ids = Items.flatMap(({ userId, groupId }, n) => [
      [`person ${n}`, userId?.S ?? ''],
      [`group ${n}`, groupId?.S ?? ''],
    ]);
    const dumps = [...(await dumpRedis(redis ?? '')), ...listening.heard()];
    expect(foundIn(dumps, Object.fromEntries(ids) as Named)).toEqual([]);
  });

  it('web sessions lie in the table of sessions, each with its person', async () => {
    const client = new DynamoDBClient(connectionOf(env));
    const sessions = new ScanCommand({ TableName: `${env.DYNAMODB_TABLE_PREFIX}sessions` });
    const { Items = [] } = await client.send(sessions);
    client.destroy();
    expect(Items.length).toBeGreaterThan(2);
    const people = new Set(Items.map(({ userId }) => userId?.S));
    expect(people.size).toBe(2);
    expect(people.has(undefined)).toBe(false);
  });

  it('nothing of the walk is there after it has stopped', async () => {
    expect(await walked.gateway.stop()).toMatchObject({ code: 0 });
    expect(foundIn(await dumpAll(), told())).toEqual([]);
  });

  it('the search finds what lies in an item, in a key, in a value and in a message', async () => {
    const client = new DynamoDBClient(connectionOf(env));
    const TableName = `${env.DYNAMODB_TABLE_PREFIX}settings`;
    await client.send(
      new PutItemCommand({ TableName, Item: { settingKey: { S: 's' }, bytes: { B: Buffer.from(canary) } } }),
    );
    client.destroy();
    const other = await createClient({ url: redis ?? '' }).connect();
    const ending = { EX: 60 };
    await other.set(`dump-test:${canary}`, 'x', ending);
    await other.set('dump-test:value', Buffer.from(canary).toString('hex'), ending);
    await other.publish('dump-test', encodeURIComponent(canary));
    const dumps = await dumpAll();
    await other.del([`dump-test:${canary}`, 'dump-test:value']);
    other.destroy();
    expect(foundIn(dumps, planted)).toEqual(
      expect.arrayContaining([
        `planted canary as raw in ${TableName}`,
        `planted canary as raw in redis dump-test:${canary}`,
        'planted canary as hex in redis dump-test:value',
        'planted canary as raw in channel dump-test',
      ]),
    );
  });
});
