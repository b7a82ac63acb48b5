import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import {
  sessionStoreContract,
  testService,
  type OpenSessionStore,
  type SessionStoreToProve,
} from '@sealgate/vault/testing';
import { openBroker } from '../backing/broker.ts';

// The conformance kit of session stores over two stores that many use, on real services: what `docs/session-stores.md`
// says of them. Before: npm ci --prefix test/session-judges

const broker = await openBroker();
process.env['SEALGATE_TEST_SERVICES'] = broker.url;
const require = createRequire(import.meta.url);
const session = require('express-session') as object;

interface RedisClient {
  connect(): Promise<unknown>;
  close(): Promise<unknown>;
}

function onRedis(url: string): OpenSessionStore {
  const { createClient } = require('redis') as { createClient(options: object): RedisClient };
  const { RedisStore } = require('connect-redis') as {
    RedisStore: new (options: object) => SessionStoreToProve;
  };
  return async () => {
    const client = createClient({ url });
    await client.connect();
    const prefix = `j${randomBytes(6).toString('hex')}:`;
    return { store: new RedisStore({ client, prefix }), close: async () => void (await client.close()) };
  };
}

function onDynamoDB(endpoint: string): OpenSessionStore {
  type Store = SessionStoreToProve & { initialize(): Promise<void> };
  const connect = require('connect-dynamodb') as (session: object) => new (options: object) => Store;
  const { DynamoDBClient } = require('@aws-sdk/client-dynamodb') as {
    DynamoDBClient: new (options: object) => object;
  };
  const DynamoDBStore = connect(session);
  return async () => {
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    const client = new DynamoDBClient({ region: 'eu-central-1', endpoint, credentials });
    const store = new DynamoDBStore({ client, table: `j${randomBytes(6).toString('hex')}` });
    await store.initialize();
    return { store, close: async () => undefined };
  };
}

const [redis, dynamodb] = [await testService('redis'), await testService('dynamodb')];
const stores: [string, OpenSessionStore][] = [];
if (redis !== undefined) stores.push(['connect-redis', onRedis(redis)]);
if (dynamodb !== undefined) stores.push(['connect-dynamodb', onDynamoDB(dynamodb)]);

// Kept so that a rejection that nobody handles is seen and counted instead of ending the run.
let unhandled = 0;
process.on('unhandledRejection', () => (unhandled += 1));
process.on('uncaughtException', () => (unhandled += 1));

for (const [name, open] of stores) {
  let kept = 0;
  unhandled = 0;
  const broken: string[] = [];
  for (const { name: promise, run } of sessionStoreContract)
    await run(open).then(
      () => (kept += 1),
      (error: unknown) => broken.push(`  ${promise}: ${String((error as Error).message.split('\n')[0])}`),
    );
  console.log(
    `${name}: ${kept} of ${sessionStoreContract.length} promises kept; ${unhandled} errors outside of callbacks`,
  );
  console.log(broken.join('\n'));
}
await broker.close();
process.exit(0);
