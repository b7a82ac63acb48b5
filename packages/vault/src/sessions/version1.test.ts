import { createCipheriv, randomBytes } from 'node:crypto';
import { GetItemCommand, PutItemCommand, type AttributeValue } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { openKmsStage } from '../keys/kms/fixtures/kms-stage.ts';
import { openKmsSessionKeys } from '../keys/kms/session-keys.ts';
import { sessionTable, type SessionTable } from '../store/dynamodb/fixtures/session-table.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { testService } from '../testing/test-service.ts';
import { DynamoDBSessionStore } from './dynamodb.ts';
import type { Version1Options } from './version1.ts';

// A key service of tests: wrapping is a bit flip. Rows are made here as version 1 made them, with `node:crypto` alone.

const attributes = { encryptedData: 'data', iv: 'nonce', authTag: 'tag', encryptedDataKey: 'dek' };
const flip = (bytes: Uint8Array): Buffer => Buffer.from(bytes.map((byte) => byte ^ 0xff));
const reading: Version1Options = { attributes, unwrap: async (wrapped) => flip(wrapped) };
const writing: Version1Options = {
  ...reading,
  async generate() {
    const plaintext = randomBytes(32);
    return { plaintext, wrapped: flip(plaintext) };
  },
};
const sealer = oneKeySealer();
const dynamodb = await testService('dynamodb');

describe.skipIf(dynamodb === undefined)('sessions of version 1 in DynamoDB', async () => {
  if (dynamodb === undefined) return;
  const table: SessionTable = await sessionTable(dynamodb);
  const open: DynamoDBSessionStore[] = [];
  let id = '';
  let warnings: string[] = [];
  beforeEach(() => {
    id = randomBytes(16).toString('hex');
    warnings = [];
  });
  afterAll(async () => {
    await Promise.all(open.map((store) => store.close()));
    await table.remove();
  });

  const storeWith = (version1: Version1Options): DynamoDBSessionStore => {
    const warn = (message: string, detail: string) => void warnings.push(`${message} ${detail}`);
    const store = new DynamoDBSessionStore({
      ...table.connection,
      tableName: table.TableName,
      sealer,
      version1,
      warn,
    });
    open.push(store);
    return store;
  };

  const putRow = async (more: Record<string, AttributeValue> = {}): Promise<void> => {
    const [key, nonce] = [randomBytes(32), randomBytes(16)];
    const cipher = createCipheriv('aes-256-gcm', key, nonce);
    const session = { cookie: { originalMaxAge: 3_600_000, path: '/' }, userId: 'ada', n: 1 };
    const data = Buffer.concat([cipher.update(JSON.stringify(session)), cipher.final()]);
    const Item = {
      sessionId: { S: id },
      version: { N: '1' },
      ttl: { N: String(Math.ceil(Date.now() / 1000) + 3600) },
      data: { S: data.toString('base64') },
      nonce: { S: nonce.toString('base64') },
      tag: { S: cipher.getAuthTag().toString('base64') },
      dek: { S: flip(key).toString('base64') },
      ...more,
    };
    await table.client.send(new PutItemCommand({ TableName: table.TableName, Item }));
  };

  const rawRow = async (): Promise<Record<string, AttributeValue> | undefined> => {
    const command = new GetItemCommand({
      TableName: table.TableName,
      Key: { sessionId: { S: id } },
      ConsistentRead: true,
    });
    return (await table.client.send(command)).Item;
  };

  test('are read, touched where they lie, and moved when they are saved', async () => {
    const store = storeWith(reading);
    await putRow();
    const session = (await store.get(id)) ?? { cookie: {} };
    expect(session).toMatchObject({ userId: 'ada', n: 1 });
    session.cookie.expires = new Date(Date.now() + 7_200_000);
    await store.touch(id, session);
    expect(Number((await rawRow())?.['ttl']?.N)).toBeGreaterThan(Date.now() / 1000 + 7000);
    session['n'] = 2;
    await store.set(id, session);
    expect(await rawRow()).toBeUndefined();
    expect(await store.get(id)).toMatchObject({ userId: 'ada', n: 2 });
  });

  test('that are destroyed do not come back by a slow save', async () => {
    const store = storeWith(reading);
    await putRow();
    const slow = (await store.get(id)) ?? { cookie: {} };
    await store.destroy(id);
    await store.set(id, { ...slow, n: 2 });
    expect(await store.get(id)).toBeUndefined();
    expect(await rawRow()).toBeUndefined();
  });

  test('that two requests move at once are one session', async () => {
    const store = storeWith(reading);
    await putRow();
    const reads = await Promise.all(Array.from({ length: 5 }, () => store.get(id)));
    await Promise.all(reads.map((session, n) => store.set(id, { ...session, n: n + 10 })));
    expect((await store.get(id))?.['n']).toBeGreaterThanOrEqual(10);
    expect(await rawRow()).toBeUndefined();
  });

  test('of a user are ended with the others', async () => {
    const store = storeWith(reading);
    await putRow();
    const other = randomBytes(16).toString('hex');
    await store.set(other, { cookie: {}, userId: 'ada' });
    expect(await store.destroyAllForUser('ada')).toBeGreaterThanOrEqual(2);
    for (const each of [id, other]) expect(await store.get(each)).toBeUndefined();
  });

  test.each<[string, Record<string, AttributeValue>]>([
    ['of an unknown version', { version: { N: '7' } }],
    ['with a changed tag', { tag: { S: randomBytes(16).toString('base64') } }],
    ['with no base64', { data: { S: '*' } }],
    ['without a tag', { tag: { NULL: true } }],
    ['with a wrapped key of another length', { dek: { S: 'AAAA' } }],
  ])('%s are no session, and told', async (_, more) => {
    const store = storeWith(reading);
    await putRow(more);
    expect(await store.get(id)).toBeUndefined();
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).not.toContain(id);
  });

  test('that are long past their end are none, though nobody deleted them', async () => {
    const store = storeWith(reading);
    await putRow({ ttl: { N: String(Math.floor(Date.now() / 1000) - 6 * 365 * 86_400) } });
    expect(await store.get(id)).toBeUndefined();
  });

  test('have their keys made and opened by AWS KMS, one call for each', async () => {
    const stage = await openKmsStage();
    const keys = openKmsSessionKeys({ ...stage.connection, keyId: await stage.makeKey() });
    const store = storeWith({ attributes, ...keys });
    await store.set(id, { cookie: {}, userId: 'ada' });
    expect((await rawRow())?.['dek']?.S).toMatch(/^[\w+/]{50,}=*$/);
    expect(await storeWith({ attributes, ...keys }).get(id)).toMatchObject({ userId: 'ada' });
    const asked = stage.peer?.events.map(({ eventName }) => eventName) ?? ['GenerateDataKey', 'Decrypt'];
    expect(asked.slice(-2)).toEqual(['GenerateDataKey', 'Decrypt']);
    keys.close();
    await stage.close();
  });

  test('are written on request, and a logout holds there as well', async () => {
    const store = storeWith(writing);
    await store.set(id, { cookie: { originalMaxAge: 60_000 }, userId: 'ada lovelace', n: 1 });
    const row = await rawRow();
    expect(row).toMatchObject({ version: { N: '1' }, sessionId: { S: id } });
    expect(JSON.stringify(row)).not.toContain('ada lovelace');
    const slow = (await storeWith(reading).get(id)) ?? { cookie: {} };
    const again = (await store.get(id)) ?? { cookie: {} };
    await store.set(id, { ...again, n: 2 });
    expect((await store.get(id))?.['n']).toBe(2);
    await store.destroy(id);
    await store.set(id, { ...slow, n: 3 });
    await store.set(id, { cookie: {}, n: 4 });
    expect(await store.get(id)).toBeUndefined();
  });
});
