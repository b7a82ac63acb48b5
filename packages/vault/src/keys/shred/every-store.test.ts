import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { localTables } from '../../store/dynamodb/fixtures/local-tables.ts';
import { tableNames } from '../../store/dynamodb/table-form.ts';
import { dynamoTables } from '../../store/dynamodb/tables.ts';
import { tableRecords } from '../../store/records-on-tables.ts';
import type { Records } from '../../store/records.ts';
import { redisRecords } from '../../store/redis/records.ts';
import { openRedis } from '../../store/redis/server.ts';
import { sqliteTables } from '../../store/sqlite/tables.ts';
import type { Tables } from '../../store/tables.ts';
import { testService } from '../../testing/test-service.ts';
import type { OpenedSealer } from '../open-sealer.ts';
import { dropOwned, sealedRecords, type RecordSealing } from '../sealed-records.ts';
import { plainOrder, stageOn, type SealedThing } from './fixtures/stage.ts';
import type { ShredOrder } from './shredding.ts';
import type { ShreddingReceipt } from './shredding-receipt.ts';

// In every store alike: after a tenant and a person were shredded nothing of them opens, and whatever row the receipt names
// is gone from where it lay, as whoever reads the store beside the gateway sees.

const now = Date.now;
const [dynamodb, redis] = [await testService('dynamodb'), await testService('redis')];

interface Store {
  readonly tables: Tables;
  readonly records: Records;
  /** Every row of the tables, as it lies there. */
  readonly dump: () => Promise<string>;
  readonly close: () => Promise<void>;
}

async function openSqlite(): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), 'shred-store-'));
  const tables = sqliteTables({ file: join(directory, 'main.db'), now });
  const names = [
    'tenant_keys',
    'data_keys',
    'connections',
    'oauth_tokens',
    'invitations',
    'records',
  ] as const;
  return {
    tables,
    records: tableRecords(tables, { now }),
    async dump() {
      const pages = await Promise.all(names.map((name) => tables.scan(name, { limit: 1000 })));
      return JSON.stringify(pages.flatMap(({ items }) => items.map(({ item }) => item)));
    },
    async close() {
      await tables.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function openDynamo(endpoint: string): Promise<Store> {
  const local = await localTables(endpoint);
  const client = new DynamoDBClient(local);
  const tables = dynamoTables({ ...local, now });
  return {
    tables,
    records: tableRecords(tables, { now }),
    async dump() {
      const scanned = tableNames.map((table) =>
        client.send(new ScanCommand({ TableName: local.tablePrefix + table, ConsistentRead: true })),
      );
      return JSON.stringify((await Promise.all(scanned)).map(({ Items }) => Items));
    },
    async close() {
      client.destroy();
      await tables.close();
    },
  };
}

async function openBoth(endpoint: string, url: string): Promise<Store> {
  const [store, server] = [await openDynamo(endpoint), await openRedis({ url })];
  const records = redisRecords(server, { now, prefix: `t${randomBytes(6).toString('hex')}:` });
  const close = async (): Promise<void> => {
    await server.close();
    await store.close();
  };
  return { ...store, records, close };
}

const stores: Record<string, () => Promise<Store>> = { SQLite: openSqlite };
if (dynamodb !== undefined) stores['DynamoDB'] = () => openDynamo(dynamodb);
if (dynamodb !== undefined && redis !== undefined)
  stores['DynamoDB and Redis'] = () => openBoth(dynamodb, redis);
afterAll(() => console.log(`shredded on: ${Object.keys(stores).join(', ')}`));

const people = ['ann', 'bob'] as const;
const sessionsOf = (tenant: string): RecordSealing => ({ kind: 'session', table: 'mcp_sessions', tenant });
const sessionName = (tenant: string, subject: string): string => `session-${tenant}-${subject}`;

/** A store with two tenants, the records of their sessions, and three instances that hold every key open. */
async function setUp(open: () => Promise<Store>) {
  const store = await open();
  const stage = stageOn(store.tables);
  const sealers = [await stage.open(), await stage.open()];
  const one = sealers[0]!;
  const things = await stage.fill(one);
  for (const tenant of ['g1', 'g2'])
    for (const subject of people) {
      const sealed = sealedRecords(store.records, one, sessionsOf(tenant));
      const write = { endsAtMs: now() + 3_600_000, owners: [subject] };
      await sealed.put(sessionName(tenant, subject), Buffer.from('a session'), write);
    }
  for (const sealer of sealers) expect(await codesOf(things, sealer)).toEqual(things.map(() => 'opened'));
  /** What the gateway gives along: it finds records by their owner. */
  const orderFor = (tenants: readonly string[], subjects: readonly string[]): ShredOrder => ({
    ...plainOrder,
    async remove(count) {
      for (const tenant of tenants)
        for (const subject of subjects)
          await count('mcp_sessions', await dropOwned(store.records, one, sessionsOf(tenant), subject));
    },
  });
  const close = async (): Promise<void> => {
    for (const sealer of sealers) await sealer.close();
    await store.close();
  };
  const open2 = async (): Promise<OpenedSealer> => {
    const sealer = await stage.open();
    sealers.push(sealer);
    return sealer;
  };
  return { ...store, stage, one, sealers, things, orderFor, open: open2, close };
}

type Ready = Awaited<ReturnType<typeof setUp>>;

function codesOf(things: readonly SealedThing[], sealer: OpenedSealer): Promise<string[]> {
  return Promise.all(
    things.map(({ kind, place, sealed }) =>
      sealer.open(kind, place, sealed).then(
        () => 'opened',
        (error: { code: string }) => error.code,
      ),
    ),
  );
}

/** Wrapped keys and commitments in the rows that are meant, as text that must be nowhere afterwards. */
async function keysIn(
  { tables }: Store,
  meant: (tenant: string, name: string) => boolean,
): Promise<string[]> {
  const texts: string[] = [];
  for (const tenant of ['g1', 'g2']) {
    const whole = { partition: tenant, limit: 1000 };
    for (const { item } of (await tables.query('tenant_keys', whole)).items)
      if (meant(tenant, item.version)) texts.push(String(item['wrapped']), String(item['commitment']));
    for (const { item } of (await tables.query('data_keys', whole)).items)
      if (meant(tenant, item.dataKey) && item['wrapped'] !== undefined)
        texts.push(String(item['wrapped']), String(item['commitment']));
  }
  return texts;
}

/** The rows that a receipt lists, as far as they are still there. */
async function listedIn({ tables }: Store, { keys: { listed } }: ShreddingReceipt): Promise<object[]> {
  const rows = await Promise.all(
    listed.map(({ table, tenant, name }) =>
      table === 'tenant_keys'
        ? tables.get(table, { tenant, version: name })
        : tables.get(table, { tenant, dataKey: name }),
    ),
  );
  return rows.filter((row) => row !== undefined);
}

async function sessionsLeft({ records, one }: Ready): Promise<string[]> {
  const left: string[] = [];
  for (const tenant of ['g1', 'g2'])
    for (const subject of people) {
      const sealed = sealedRecords(records, one, sessionsOf(tenant));
      const name = sessionName(tenant, subject);
      const found = await sealed.get(name).catch(({ code }: { code: string }) => code);
      if (found !== undefined) left.push(typeof found === 'string' ? `${name} ${found}` : name);
    }
  return left;
}

describe.each(Object.entries(stores))('on %s', (_, open) => {
  describe('a tenant that was shredded', () => {
    let ready: Ready;
    let receipt: ShreddingReceipt;
    let gone: string[];
    let dumpedBefore: string;
    beforeAll(async () => {
      ready = await setUp(open);
      gone = await keysIn(ready, (tenant) => tenant === 'g1');
      dumpedBefore = await ready.dump();
      const order = ready.orderFor(['g1'], people);
      ({ receipt } = await ready.stage.shredTenant(ready.one, 'g1', order));
    });
    afterAll(() => ready.close());

    test('opens on no instance, nor on one that is started afterwards; the other tenant does', async () => {
      await new Promise(setImmediate);
      const expected = ready.things.map(({ place }) => (place.tenant === 'g1' ? 'key_shredded' : 'opened'));
      for (const sealer of [...ready.sealers, await ready.open()])
        expect(await codesOf(ready.things, sealer)).toEqual(expected);
    });

    test('has none of the rows that the receipt names, and all that there were are named', async () => {
      expect(await listedIn(ready, receipt)).toEqual([]);
      expect(receipt.keys.listed).toHaveLength(receipt.keys.tenantKeys + receipt.keys.dataKeys);
      expect(gone).toHaveLength(2 * receipt.keys.listed.length);
      expect(gone.length).toBeGreaterThan(10);
      const dumped = await ready.dump();
      expect(gone.filter((text) => !dumpedBefore.includes(text))).toEqual([]);
      expect(gone.filter((text) => dumped.includes(text))).toEqual([]);
    });

    test('has neither sealed rows nor sessions left, and they are counted', async () => {
      expect(await sessionsLeft(ready)).toEqual(['session-g2-ann', 'session-g2-bob']);
      const { items } = await ready.tables.scan('connections', { limit: 1000 });
      expect(items.filter(({ item }) => item['groupId'] === 'g1')).toEqual([]);
      expect(items).toHaveLength(3);
      expect(receipt.removed).toEqual({ connections: 3, oauth_tokens: 3, invitations: 1, mcp_sessions: 2 });
    });
  });

  describe('a person who was shredded', () => {
    let ready: Ready;
    let receipt: ShreddingReceipt;
    let gone: string[];
    beforeAll(async () => {
      ready = await setUp(open);
      gone = await keysIn(ready, (tenant, name) => tenant === 'g2' || name.includes('#ann#'));
      const order = ready.orderFor(['g1', 'g2'], ['ann']);
      const ann = { subject: 'ann', tenants: ['g2'], places: ['g1'] };
      ({ receipt } = await ready.stage.shredPerson(ready.one, ann, order));
    });
    afterAll(() => ready.close());

    test('opens nowhere, and neither does their own tenant; everybody else does', async () => {
      await new Promise(setImmediate);
      // A session carries its key under the tenant's own: it is the record that has to go.
      const expected = ready.things.map(({ place: { tenant, subject }, kind }) =>
        tenant === 'g2' || (subject === 'ann' && kind !== 'session') ? 'key_shredded' : 'opened',
      );
      for (const sealer of [...ready.sealers, await ready.open()])
        expect(await codesOf(ready.things, sealer)).toEqual(expected);
    });

    test('has none of the rows that the receipt names', async () => {
      expect(await listedIn(ready, receipt)).toEqual([]);
      expect(gone).toHaveLength(2 * receipt.keys.listed.length);
      const dumped = await ready.dump();
      expect(gone.filter((text) => dumped.includes(text))).toEqual([]);
    });

    test('is asked for once more, and nothing is found that was missed', async () => {
      const order = ready.orderFor(['g1', 'g2'], ['ann']);
      const ann = { subject: 'ann', tenants: ['g2'], places: ['g1'] };
      expect((await ready.stage.shredPerson(ready.one, ann, order)).receipt).toEqual(receipt);
      expect(await sessionsLeft(ready)).toEqual(['session-g1-bob', 'session-g2-bob key_shredded']);
    });
  });
});
