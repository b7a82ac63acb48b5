import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { createClient } from '@redis/client';
import { afterAll, describe, expect, test } from 'vitest';
import { localTables } from '../store/dynamodb/fixtures/local-tables.ts';
import { dynamoTables } from '../store/dynamodb/tables.ts';
import { fileRecords } from '../store/file-records/records.ts';
import { memoryRecords } from '../store/memory/records.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { tableRecords } from '../store/records-on-tables.ts';
import type { Records } from '../store/records.ts';
import { redisRecords } from '../store/redis/records.ts';
import { openRedis } from '../store/redis/server.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';
import type { Tables } from '../store/tables.ts';
import { testService } from '../testing/test-service.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import { newStretching, passphraseKey } from './passphrase.ts';
import type { KeyProvider } from './provider.ts';
import { sealedRecords, type RecordSealing } from './sealed-records.ts';

// In every store alike: without the very key there is no value, every reason has its name, and nothing lies there in clear.

const now = Date.now;
const clear = [
  'token-of-alice-3f9c27aa51',
  'alice@every-store.example',
  'session-of-alice-77be0c1d',
] as const;
const [token, owner, name] = clear;
const endsAtMs = now() + 3_600_000;
const sealing: RecordSealing = { kind: 'token', table: 'tokens', tenant: 'g1' };
const goodKey = randomBytes(32).toString('base64');
const [dynamodb, redis] = [await testService('dynamodb'), await testService('redis')];

/** One store: records, where its keys lie, and all that can be read of it from outside. */
interface Store {
  readonly tables: Tables;
  readonly records: Records;
  readonly dump: () => Promise<string>;
  readonly close: () => Promise<void>;
}

function directoryOf(): { path: string; dump: () => string } {
  const path = mkdtempSync(join(tmpdir(), 'every-store-'));
  const files = () =>
    readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((file) =>
      statSync(join(path, file)).isFile(),
    );
  const dump = () =>
    files()
      .map((file) => file + readFileSync(join(path, file)).toString('latin1'))
      .join('\n');
  return { path, dump };
}

function latin1(bytes: Uint8Array = Buffer.alloc(0)): string {
  return Buffer.from(bytes).toString('latin1');
}

type Asking = (command: string[]) => Promise<unknown>;

async function everythingUnder(ask: Asking, key: string): Promise<unknown> {
  const reading: Record<string, readonly string[]> = {
    string: ['GET', key],
    hash: ['HGETALL', key],
    set: ['SMEMBERS', key],
    zset: ['ZRANGE', key, '0', '-1'],
  };
  const type = String(await ask(['TYPE', key]));
  return [type, await ask([...(reading[type] ?? ['FAILS', key])])];
}

const stores: Record<string, () => Promise<Store>> = {
  async memory() {
    const [tables, records] = [memoryTables({ now }), memoryRecords({ now })];
    const dump = async () => {
      const { names } = await records.scan({ limit: 100 });
      const found = await Promise.all(names.map((each) => records.get(each)));
      return JSON.stringify([names, found.map((each) => [each?.owners, latin1(each?.bytes)])]);
    };
    return { tables, records, dump, close: () => records.close() };
  },
  async file() {
    const { path, dump } = directoryOf();
    const records = fileRecords({ directory: join(path, 'records'), now });
    const close = async () => {
      await records.close();
      rmSync(path, { recursive: true });
    };
    return { tables: memoryTables({ now }), records, dump: async () => dump(), close };
  },
  async SQLite() {
    const { path, dump } = directoryOf();
    const tables = sqliteTables({ file: join(path, 'main.db'), now });
    const close = async () => {
      await tables.close();
      rmSync(path, { recursive: true });
    };
    return { tables, records: tableRecords(tables, { now }), dump: async () => dump(), close };
  },
};
if (dynamodb !== undefined)
  stores['DynamoDB'] = async () => {
    const local = await localTables(dynamodb);
    const tables = dynamoTables({ ...local, now });
    const client = new DynamoDBClient(local);
    const dump = async () => {
      const scanned = ['records', 'record_owners', 'tenant_keys', 'data_keys', 'deployment'].map((table) =>
        client.send(new ScanCommand({ TableName: local.tablePrefix + table, ConsistentRead: true })),
      );
      return JSON.stringify((await Promise.all(scanned)).map(({ Items }) => Items));
    };
    return { tables, records: tableRecords(tables, { now }), dump, close: async () => tables.close() };
  };
if (redis !== undefined)
  stores['Redis'] = async () => {
    const server = await openRedis({ url: redis });
    const prefix = `t${randomBytes(6).toString('hex')}:`;
    const client = createClient({ url: redis });
    await client.connect();
    const ask: Asking = (command) => client.sendCommand(command);
    const dump = async () => {
      const keys = await client.keys(`${prefix}*`);
      return JSON.stringify([keys, await Promise.all(keys.map((key) => everythingUnder(ask, key)))]);
    };
    const close = async () => {
      await client.close();
      await server.close();
    };
    return { tables: memoryTables({ now }), records: redisRecords(server, { now, prefix }), dump, close };
  };

afterAll(() => console.log(`every store: ${Object.keys(stores).join(', ')}`));

const stretched = { salt: randomBytes(16), stretching: newStretching };

/** Keys that do not open what was sealed, and what each is refused with. */
const badKeys: readonly (readonly [string, () => Promise<KeyProvider>, string])[] = [
  ['a missing key', async () => envKey(''), 'key_weak'],
  ['a short key', async () => envKey(randomBytes(31).toString('base64')), 'key_weak'],
  ['a key of zeros', async () => envKey(Buffer.alloc(32).toString('base64')), 'key_weak'],
  ['a short passphrase', () => passphraseKey('too short', stretched), 'key_weak'],
  ['a wrong key', async () => envKey(randomBytes(32).toString('base64')), 'key_unavailable'],
  [
    'a passphrase in the place of the key',
    () => passphraseKey('a passphrase of six words, really', stretched),
    'key_unavailable',
  ],
];

/** Every way to a value. Not one may answer, and not one may say that there is nothing. */
const ways: readonly (readonly [string, (records: Records) => Promise<unknown>])[] = [
  ['get', (records) => records.get(name)],
  ['take', (records) => records.take(name)],
];

async function put({ tables, records }: Store): Promise<void> {
  const provider = envKey(goodKey);
  const sealer = await openSealer({ tables, provider, now });
  await sealedRecords(records, sealer, sealing).put(name, Buffer.from(token), { endsAtMs, owners: [owner] });
  await sealer.close();
  await provider.close();
}

async function withSealed<T>(store: Store, use: (sealed: Records) => Promise<T>): Promise<T> {
  const provider = envKey(goodKey);
  const sealer = await openSealer({ tables: store.tables, provider, now });
  try {
    return await use(sealedRecords(store.records, sealer, sealing));
  } finally {
    await sealer.close();
    await provider.close();
  }
}

describe.each(Object.entries(stores))('in %s', async (_, open) => {
  const store = await open();
  afterAll(store.close);

  test('the value comes back with its key', async () => {
    await put(store);
    const found = await withSealed(store, (sealed) => sealed.get(name));
    expect(Buffer.from(found?.bytes ?? []).toString()).toBe(token);
    expect(found?.owners).toEqual([owner]);
  });

  test('nothing lies there in clear, nor in base64 or hex', async () => {
    const dumped = await store.dump();
    expect(dumped.length).toBeGreaterThan(100);
    for (const text of clear)
      for (const form of ['latin1', 'base64', 'base64url', 'hex'] as const)
        // Without the last characters, which depend on what stands beside them.
        expect(dumped).not.toContain(Buffer.from(text).toString(form).slice(0, -4));
  });

  test.each(badKeys)('%s is refused by name before anything is opened', async (_key, provider, code) => {
    const opening = async () => openSealer({ tables: store.tables, provider: await provider(), now });
    await expect(opening()).rejects.toThrow(expect.objectContaining({ code }));
    expect(await store.dump()).not.toContain(token);
  });

  test('a key of another deployment finds nothing under any name, and opens nothing that it is given', async () => {
    const provider = envKey(randomBytes(32).toString('base64'));
    const stranger = await openSealer({ tables: memoryTables({ now }), provider, now });
    const [raw] = (await store.records.scan({ limit: 100 })).names;
    const stored = await store.records.get(raw ?? '');
    const place = {
      tenant: 'g1',
      subject: '',
      table: 'tokens',
      record: raw ?? '',
      field: 'record',
      epoch: 0,
    };
    await expect(stranger.open('token', place, stored?.bytes ?? new Uint8Array())).rejects.toThrow(
      expect.objectContaining({ code: 'open_failed' }),
    );
    await stranger.close();
  });

  test.each(ways)('%s of a record with any one byte changed is an error and no miss', async (_way, ask) => {
    const [raw = ''] = (await store.records.scan({ limit: 100 })).names;
    const stored = await store.records.get(raw);
    const bytes = stored?.bytes ?? new Uint8Array();
    // A take removes the record: it is put back for the next one. 7 is no factor of any part's length.
    for (let at = 0; at < bytes.length; at += 7) {
      const changed = Uint8Array.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await store.records.put(raw, changed, { endsAtMs, owners: [...(stored?.owners ?? [])] });
      const code = at === 0 ? 'record_version_unknown' : 'open_failed';
      await expect(withSealed(store, ask), `byte ${at}`).rejects.toThrow(expect.objectContaining({ code }));
    }
    await store.records.put(raw, bytes, { endsAtMs, owners: [...(stored?.owners ?? [])] });
    expect((await withSealed(store, (sealed) => sealed.get(name)))?.bytes.length).toBe(token.length);
  });
});
