import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import type { SealedSessionStore, Sealer } from '@sealgate/vault';
import { DynamoDBSessionStore } from '@sealgate/vault/dynamodb';
import { RedisSessionStore } from '@sealgate/vault/redis';
import type { Service } from '../test/backing/backing-server.ts';
import { atLeast, type Bar } from './bars.ts';
import { compared } from './quiet-rounds.ts';
import { inTurns, type Called, type Turns } from './turns.ts';

// Sessions beside stores in wide use, which keep them as plain JSON. Those have an install of their own
// (`npm ci --prefix test/session-judges`); without it there is nothing to compare with, and it is said.

const require = createRequire(new URL('../test/session-judges/run.ts', import.meta.url));
const sessionCount = 200;
const aims = { redis: 0.85, dynamodb: 1 } as const;

/** What a part of this bench found. */
export interface Part {
  readonly bars: readonly Bar[];
  readonly turns: readonly Turns[];
}

interface Store {
  get(id: string, callback: (error: unknown, session?: unknown) => void): void;
  set(id: string, session: object, callback: (error?: unknown) => void): void;
}

/** Sessions of both stores, one client and 32. */
export async function sessionsOn(
  service: 'redis' | 'dynamodb',
  { endpoint, pid }: Service,
  sealer: Sealer,
): Promise<Part> {
  const others = await theirs(service, endpoint).catch((error: unknown) => error);
  if (!isOpened(others)) {
    console.log(
      `sessions on ${service} are left out: npm ci --prefix test/session-judges (${String(others)})`,
    );
    return { bars: [], turns: [] };
  }
  const own = await ours(service, endpoint, sealer);
  const bars: Bar[] = [];
  const turns: Turns[] = [];
  try {
    for (const act of ['set', 'get'] as const)
      for (const inFlight of [1, 32]) {
        const ways = [wayOf('ours', own.store, act), wayOf(others.name, others.store, act)];
        const name = `session ${act}, ${service}, ${inFlight === 1 ? 'one client' : `${inFlight} clients`}`;
        const taken = await inTurns({ name, inFlight }, ways, pid === undefined ? [] : [pid]);
        turns.push(taken);
        const ratio = compared(taken, ['ours', others.name], (a, b) => a.perSecond / b.perSecond);
        if (inFlight === 1) bars.push(atLeast(name, ratio, `× ${others.name}`, aims[service]));
      }
  } finally {
    await own.close();
    await others.close();
  }
  return { bars, turns };
}

function wayOf(name: string, store: Store, act: 'get' | 'set'): Called {
  const call = act === 'set' ? (n: number) => saved(store, n) : (n: number) => found(store, n);
  return { name, call };
}

function saved(store: Store, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.set(idOf(n), sessionOf(n), (error) => (error ? reject(error as Error) : resolve()));
  });
}

function found(store: Store, n: number): Promise<void> {
  return new Promise((resolve, reject) => {
    store.get(idOf(n), (error, session) =>
      error || session === undefined || session === null
        ? reject(new Error('no session', { cause: error }))
        : resolve(),
    );
  });
}

function idOf(n: number): string {
  return `session-${String(n % sessionCount).padStart(24, '0')}`;
}

/** About half a kilobyte, another one each time. */
function sessionOf(n: number): object {
  return {
    cookie: {
      originalMaxAge: 3_600_000,
      expires: new Date(Date.now() + 3_600_000),
      httpOnly: true,
      path: '/',
    },
    passport: { user: `person-${n % sessionCount}@example.com` },
    csrf: 'w5rP0nC0hJ8m2bXq7Zt1Lk',
    visits: n,
    returnTo: '/projects/42/settings',
    roles: ['reader', 'writer', 'reviewer'],
    flash: { notice: ['Your changes have been saved. They will be visible to others within a minute.'] },
    preferences: { theme: 'dark', language: 'de-AT', timeZone: 'Europe/Vienna', pageSize: 50, beta: false },
  };
}

interface Opened {
  readonly name: string;
  readonly store: Store;
  close(): Promise<void>;
}

function isOpened(opened: unknown): opened is Opened {
  return typeof opened === 'object' && opened !== null && 'store' in opened;
}

async function ours(service: 'redis' | 'dynamodb', endpoint: string, sealer: Sealer): Promise<Opened> {
  const store: SealedSessionStore =
    service === 'redis'
      ? new RedisSessionStore({ redis: { url: endpoint }, sealer })
      : new DynamoDBSessionStore({
          sealer,
          endpoint,
          region: 'eu-central-1',
          credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
          tableName: await tableAt(endpoint),
        });
  return { name: 'ours', store: store as Store, close: () => store.close() };
}

async function tableAt(endpoint: string): Promise<string> {
  const { CreateTableCommand, DynamoDBClient } = await import('@aws-sdk/client-dynamodb');
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new DynamoDBClient({ region: 'eu-central-1', endpoint, credentials });
  const TableName = `sessions-${randomBytes(6).toString('hex')}`;
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'sessionId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'sessionId', KeyType: 'HASH' }],
    }),
  );
  client.destroy();
  return TableName;
}

async function theirs(service: 'redis' | 'dynamodb', endpoint: string): Promise<Opened> {
  const prefix = `j${randomBytes(6).toString('hex')}`;
  if (service === 'redis') {
    const { createClient } = require('redis') as {
      createClient(options: object): { connect(): Promise<unknown>; close(): Promise<unknown> };
    };
    const { RedisStore } = require('connect-redis') as { RedisStore: new (options: object) => Store };
    const client = createClient({ url: endpoint });
    await client.connect();
    const store = new RedisStore({ client, prefix: `${prefix}:` });
    return { name: 'connect-redis', store, close: async () => void (await client.close()) };
  }
  const connect = require('connect-dynamodb') as (
    session: unknown,
  ) => new (options: object) => Store & { initialize(): Promise<void> };
  const { DynamoDBClient } = require('@aws-sdk/client-dynamodb') as {
    DynamoDBClient: new (options: object) => { destroy(): void };
  };
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = new DynamoDBClient({ region: 'eu-central-1', endpoint, credentials });
  const store = new (connect(require('express-session')))({ client, table: prefix });
  await store.initialize();
  return { name: 'connect-dynamodb', store, close: async () => client.destroy() };
}
