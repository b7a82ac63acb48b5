import assert from 'node:assert/strict';
import {
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  type AttributeValue,
} from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, describe, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import type { Value } from '../tables.ts';
import { localTables } from './fixtures/local-tables.ts';
import { createTables } from './provision.ts';
import { dynamoTables } from './tables.ts';

// What lies in DynamoDB need not be ours: an import wrote it, another program, or somebody with the console.

const dynamodb = await testService('dynamodb');

describe.skipIf(dynamodb === undefined)('items in DynamoDB', async () => {
  if (dynamodb === undefined) return;
  const local = await localTables(dynamodb);
  const tables = dynamoTables({ ...local, now: Date.now });
  const client = new DynamoDBClient(local);
  afterEach(() => local.empty());
  afterAll(async () => {
    client.destroy();
    await tables.close();
  });
  const plant = (table: string, Item: Record<string, AttributeValue>) =>
    client.send(new PutItemCommand({ TableName: `${local.tablePrefix}${table}`, Item }));

  it('lie by their own attribute names, with the revision beside them and nothing else', async () => {
    const revision = await tables.put('sessions', { sessionId: 's', ttl: 4e9, list: [null, { n: -1.5 }] });
    const { Item } = await client.send(
      new GetItemCommand({
        TableName: `${local.tablePrefix}sessions`,
        Key: { sessionId: { S: 's' } },
      }),
    );
    assert.deepEqual(Item, {
      sessionId: { S: 's' },
      ttl: { N: '4000000000' },
      list: { L: [{ NULL: true }, { M: { n: { N: '-1.5' } } }] },
      'sealgate:rev': { S: revision },
    });
  });

  it('of another program are read as they are, without a revision, and guarded like imported ones', async () => {
    await plant('users', { userId: { S: 'u' }, n: { N: '1.50' } });
    assert.deepEqual(await tables.get('users', { userId: 'u' }), {
      item: { userId: 'u', n: 1.5 },
      revision: undefined,
    });
    assert.equal(await tables.put('users', { userId: 'u' }, { ifAbsent: true }), undefined);
    assert.ok(await tables.put('users', { userId: 'u' }, { ifRevision: undefined }));
  });

  it.each<[string, AttributeValue]>([
    ['binary', { B: new Uint8Array([1]) }],
    ['a set of text', { SS: ['a'] }],
    ['a set of numbers', { NS: ['1'] }],
    ['a number beyond what is kept exactly', { N: '9007199254740993' }],
    ['binary deep inside', { L: [{ M: { a: { B: new Uint8Array([1]) } } }] }],
  ])('with %s are refused, not bent', async (_, value) => {
    await plant('users', { userId: { S: 'u' }, email: { S: 'a' }, value });
    for (const read of [
      () => tables.get('users', { userId: 'u' }),
      () => tables.query('users', { index: 'email-index', partition: 'a', limit: 1 }),
      () => tables.scan('users', { limit: 1 }),
    ])
      await assert.rejects(read, { code: 'store_unavailable', message: /something else wrote it/ });
  });

  it('whose end is no number do not end, for reads and for guards alike', async () => {
    await plant('sessions', { sessionId: { S: 's' }, ttl: { S: '1' } });
    assert.ok(await tables.get('sessions', { sessionId: 's' }));
    assert.equal(await tables.put('sessions', { sessionId: 's' }, { ifAbsent: true }), undefined);
    assert.ok(await tables.put('sessions', { sessionId: 's' }, { ifRevision: undefined }));
  });

  it('as deep, and with as many attributes, as the rules allow are kept', async () => {
    let deep: Value = 'x';
    for (let level = 0; level < 31; level += 1) deep = [deep];
    const many = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`a${n}`, n]));
    await tables.put('users', { userId: 'u', deep, many });
    assert.deepEqual((await tables.get('users', { userId: 'u' }))?.item, { userId: 'u', deep, many });
  });

  it('are not touched when several make the tables at the same time', async () => {
    const options = { ...local, tablePrefix: `${local.tablePrefix}x-` };
    const made = await Promise.all([createTables(options), createTables(options), createTables(options)]);
    assert.ok(made.every(({ differences }) => differences.length === 0));
    const theirs = dynamoTables({ ...options, now: Date.now });
    await theirs.put('users', { userId: 'u' });
    assert.deepEqual((await createTables(options)).created, []);
    assert.ok(await theirs.get('users', { userId: 'u' }));
    await theirs.close();
  });
});
