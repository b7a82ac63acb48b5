import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { envKey } from '../keys/env-key.ts';
import { openSealer } from '../keys/open-sealer.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { sessionTable } from '../store/dynamodb/fixtures/session-table.ts';
import { testService } from '../testing/test-service.ts';
import type { OpenSessionStore } from './contract/session-case.ts';
import { DynamoDBSessionStore } from './dynamodb.ts';
import { RedisSessionStore } from './redis.ts';
import { sessionStoreContract } from './session-contract.ts';
import { SqliteSessionStore } from './sqlite.ts';

const now = Date.now;
const sealer = openSealer({
  tables: memoryTables({ now }),
  provider: envKey(randomBytes(32).toString('hex')),
  now,
});

const onSqlite: OpenSessionStore = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sessions-'));
  const store = new SqliteSessionStore({ file: join(directory, 'sessions.db'), sealer });
  return {
    store,
    async close() {
      await store.close();
      rmSync(directory, { recursive: true });
    },
  };
};

describe('sessions in SQLite', () => {
  test.each(sessionStoreContract)('$name', ({ run }) => run(onSqlite));
});

const redis = await testService('redis');

describe.skipIf(redis === undefined)('sessions in Redis', () => {
  const onRedis: OpenSessionStore = async () => {
    const prefix = `t${randomBytes(6).toString('hex')}:`;
    const store = new RedisSessionStore({ redis: { url: redis ?? '' }, prefix, sealer });
    return { store, close: () => store.close() };
  };
  test.each(sessionStoreContract)('$name', ({ run }) => run(onRedis));
});

const dynamodb = await testService('dynamodb');

describe.skipIf(dynamodb === undefined)('sessions in DynamoDB', () => {
  const onDynamoDB: OpenSessionStore = async () => {
    const table = await sessionTable(dynamodb ?? '');
    const store = new DynamoDBSessionStore({ ...table.connection, tableName: table.TableName, sealer });
    return {
      store,
      async close() {
        await store.close();
        await table.remove();
      },
    };
  };
  test.each(sessionStoreContract)('$name', ({ run }) => run(onDynamoDB));
});
