import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  envKey,
  memoryTables,
  openSealer,
  SqliteSessionStore,
  type SealedSessionStore,
  type SessionStoreConfig,
} from '@sealgate/vault';
import { RedisSessionStore } from '@sealgate/vault/redis';
import { testService } from '@sealgate/vault/testing';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBSessionStore } from '@sealgate/vault/dynamodb';
import { afterEach, describe, expect, test } from 'vitest';
import { browser, onExpress, onFastify, type Application } from './applications.ts';

const now = Date.now;
const sealer = openSealer({
  tables: memoryTables({ now }),
  provider: envKey(randomBytes(32).toString('hex')),
  now,
});
const [redis, dynamodb] = [await testService('redis'), await testService('dynamodb')];
const directory = mkdtempSync(join(tmpdir(), 'session-walk-'));

type Make = (config: Partial<SessionStoreConfig>) => SealedSessionStore;
const onSqlite: Make = (config) =>
  new SqliteSessionStore({
    file: join(directory, `${randomBytes(6).toString('hex')}.db`),
    sealer,
    ...config,
  });

const stores: Record<string, Make> = {
  SQLite: onSqlite,
  ...(redis === undefined
    ? {}
    : {
        Redis: (config: Partial<SessionStoreConfig>) =>
          new RedisSessionStore({
            redis: { url: redis },
            prefix: `t${randomBytes(6).toString('hex')}:`,
            sealer,
            ...config,
          }),
      }),
};
if (dynamodb !== undefined) {
  const tableName = `t${randomBytes(6).toString('hex')}-sessions`;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const connection = { region: 'eu-central-1', endpoint: dynamodb, credentials };
  const client = new DynamoDBClient(connection);
  await client.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'sessionId', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'sessionId', KeyType: 'HASH' }],
    }),
  );
  client.destroy();
  stores['DynamoDB'] = (config) => new DynamoDBSessionStore({ ...connection, tableName, sealer, ...config });
}
const frameworks = { 'express-session': onExpress, '@fastify/session': onFastify };

const open: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function started(
  on: (store: SealedSessionStore) => Promise<Application>,
  make: (config: Partial<SessionStoreConfig>) => SealedSessionStore,
  config: Partial<SessionStoreConfig> = {},
): Promise<{ readonly app: Application; readonly store: SealedSessionStore }> {
  const store = make(config);
  await store.clear();
  const app = await on(store);
  open.push(
    () => store.close(),
    () => app.close(),
  );
  return { app, store };
}

const ada = 'ada@lovelace.example';
const nobody = { userId: null, count: null };

describe.each(Object.entries(frameworks))('under %s', (_, on) => {
  describe.each(Object.entries(stores))('sessions in %s', (__, make) => {
    test('somebody signs in, is known, and signs out', async () => {
      const { app, store } = await started(on, make);
      const tab = browser(app);
      expect((await tab.post('/who')).body).toEqual(nobody);
      await tab.post('/sign-in');
      for (const count of [1, 2, 3]) expect((await tab.post('/count')).body).toEqual({ userId: ada, count });
      expect(await store.length()).toBe(1);
      const thief = tab.copy();
      await tab.post('/sign-out');
      expect((await thief.post('/who')).body).toEqual(nobody);
      expect(await store.length()).toBe(0);
    });

    test('a slow request that overlaps the sign-out does not bring the session back', async () => {
      const { app, store } = await started(on, make);
      const tab = browser(app);
      await tab.post('/sign-in');
      const [slow, thief] = [tab.copy().post('/slow'), tab.copy()];
      await app.arrived();
      await tab.post('/sign-out');
      app.release();
      expect((await slow).status).toBe(200);
      expect((await thief.post('/who')).body).toEqual(nobody);
      expect(await store.length()).toBe(0);
    });

    test('a slow request does not undo a sign-out everywhere', async () => {
      const { app, store } = await started(on, make);
      const [phone, laptop] = [browser(app), browser(app)];
      await phone.post('/sign-in');
      await laptop.post('/sign-in');
      const slow = laptop.copy().post('/slow');
      await app.arrived();
      expect(await store.destroyAllForUser(ada)).toBe(2);
      expect(await store.destroyAllForUser('eve')).toBe(0);
      app.release();
      await slow;
      for (const each of [phone, laptop]) expect((await each.post('/who')).body).toEqual(nobody);
    });

    test('a session that is renewed has another id, and the old one is nothing', async () => {
      const { app } = await started(on, make);
      const tab = browser(app);
      await tab.post('/sign-in');
      const fixated = tab.copy();
      expect((await tab.post('/renew')).body).toEqual({ userId: ada, count: 100 });
      expect(tab.cookie).not.toBe(fixated.cookie);
      expect((await tab.post('/who')).body).toEqual({ userId: ada, count: 100 });
      expect((await fixated.post('/who')).body).toEqual(nobody);
    });

    test('with strict saves, of two that overlap the second is refused', async () => {
      const { app } = await started(on, make, { strict: true });
      const tab = browser(app);
      await tab.post('/sign-in');
      const slow = tab.copy().post('/slow');
      await app.arrived();
      expect((await tab.post('/count')).status).toBe(200);
      app.release();
      // express-session hands an error of saving to the application when the answer is already on its way.
      await slow.catch(() => undefined);
      expect((await tab.post('/who')).body).toEqual({ userId: ada, count: 1 });
    });

    test('requests that change nothing write at most once a minute', async () => {
      const clock = { nowMs: Date.now() };
      const { app, store } = await started(on, make, { now: () => clock.nowMs });
      const tab = browser(app);
      await tab.post('/sign-in');
      const id = (await store.all())[0]?.id ?? '';
      const endOf = async () => (await store.get(id))?.cookie.expires?.getTime() ?? 0;
      const before = await endOf();
      for (let n = 0; n < 5; n += 1) await tab.post('/who');
      expect(await endOf()).toBe(before);
    });

    test('a store that does not answer is a 500, never a request that hangs', async () => {
      const { app } = await started(on, make);
      const tab = browser(app);
      await tab.post('/sign-in');
      const never = new Promise<never>(() => undefined);
      const stuck = make({ sealer: never, timeoutMs: 50 });
      const other = await on(stuck);
      open.push(() => other.close());
      expect((await browser(other, tab.cookie).post('/who')).status).toBe(500);
    });
  });
});

test('nothing of a session can be read in the file', async () => {
  const { app, store } = await started(onExpress, onSqlite);
  const tab = browser(app);
  await tab.post('/sign-in');
  const id = (await store.all())[0]?.id ?? 'no session';
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)).toString('latin1'));
  for (const text of [id, tab.cookie.slice(-40), 'ada@lovelace', '"cookie"'])
    expect(files.some((file) => file.includes(text))).toBe(false);
  for (const close of open.splice(0).toReversed()) await close();
  rmSync(directory, { recursive: true });
});
