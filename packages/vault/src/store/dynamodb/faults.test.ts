import assert from 'node:assert/strict';
import { afterAll, afterEach, describe, it } from 'vitest';
import { openFaultProxy, type Planned } from '../../testing/dynamodb-faults.ts';
import { testService } from '../../testing/test-service.ts';
import { localTables } from './fixtures/local-tables.ts';
import { dynamoTables } from './tables.ts';

// Whatever gets lost between us and DynamoDB, a write happens once and its caller learns the truth.

const endpoint = await testService('dynamodb');
const lost: Planned = { fault: 'lost answer' };

describe.skipIf(endpoint === undefined)('DynamoDB behind a failing network', async () => {
  if (endpoint === undefined) return;
  const local = await localTables(endpoint);
  const proxy = await openFaultProxy(endpoint);
  const tables = dynamoTables({ ...local, endpoint: proxy.url, now: Date.now });
  const others = dynamoTables({ ...local, now: Date.now });
  afterEach(async () => {
    proxy.plan(() => undefined);
    await local.empty();
  });
  afterAll(async () => {
    await tables.close();
    await others.close();
    await proxy.close();
  });
  const first = (planned: Planned) => proxy.plan(({ count }) => (count === 1 ? planned : undefined));
  const key = { groupId: 'g' } as const;

  it('who makes an item is not told that it was there already when the answer is lost', async () => {
    first(lost);
    const revision = await tables.put('groups', { groupId: 'g', n: 1 }, { ifAbsent: true });
    assert.ok(revision, 'a write that happened was called lost');
    assert.deepEqual(await others.get('groups', key), { item: { groupId: 'g', n: 1 }, revision });
    first(lost);
    assert.equal(await tables.put('groups', { groupId: 'g', n: 2 }, { ifAbsent: true }), undefined);
  });

  it('even when somebody else has written over it before the answer is asked for again', async () => {
    first({
      ...lost,
      async meanwhile() {
        const { revision } = (await others.get('groups', key)) ?? {};
        assert.ok(await others.put('groups', { groupId: 'g', n: 2 }, { ifRevision: revision }));
      },
    });
    assert.ok(await tables.put('groups', { groupId: 'g', n: 1 }, { ifAbsent: true }));
    assert.equal((await others.get('groups', key))?.item['n'], 2);
  });

  it('a write without a guard that is asked for again does not bring back what was removed since', async () => {
    first({
      ...lost,
      async meanwhile() {
        assert.equal(await others.remove('groups', key), true);
      },
    });
    assert.ok(await tables.put('groups', { groupId: 'g' }));
    assert.equal(await others.get('groups', key), undefined);
  });

  it('who removes an item learns that it was them', async () => {
    await tables.put('groups', { groupId: 'g' });
    first(lost);
    assert.equal(await tables.remove('groups', key), true);
    assert.equal(await tables.remove('groups', key), false);
  });

  it('a counter counts each of 20 racing increments once when the first answer to each is lost', async () => {
    await tables.put('settings', { settingKey: 'n', n: 0 });
    const met = new Set<string | undefined>();
    proxy.plan(({ body }) => {
      const token = /"ClientRequestToken":"([^"]+)"/.exec(body)?.[1];
      if (token === undefined || met.has(token)) return undefined;
      met.add(token);
      return lost;
    });
    let won = 0;
    const increment = async (): Promise<void> => {
      const { item, revision } = (await tables.get('settings', { settingKey: 'n' }))!;
      const next = { settingKey: 'n', n: Number(item['n']) + 1 };
      if ((await tables.put('settings', next, { ifRevision: revision })) === undefined) return increment();
      won += 1;
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.equal(won, 20);
    assert.equal((await others.get('settings', { settingKey: 'n' }))?.item['n'], 20);
  });

  it('a transaction whose answer is lost happened, and a lost one stays lost', async () => {
    first(lost);
    const steps = [
      { put: 'groups', item: { groupId: 'g' }, guard: { ifAbsent: true } },
      { put: 'uniques', item: { uniqueKey: 'u' }, guard: { ifAbsent: true } },
    ] as const;
    assert.deepEqual(await tables.transact(steps), { done: true });
    first(lost);
    assert.deepEqual(await tables.transact([...steps].reverse()), { done: false, lost: 0 });
  });

  it.each(['reset', 'throttled', 'internal', 'conflict'] as const)(
    'a request that ends with "%s" is sent again, reads and writes',
    async (fault) => {
      const writes = fault === 'conflict';
      let failed = 0;
      // A read is never in conflict, and a write may have to read first whether it is let in.
      proxy.plan(({ operation }) => {
        if ((writes && operation !== 'TransactWriteItems') || failed === 2) return undefined;
        failed += 1;
        return { fault };
      });
      assert.ok(await tables.put('groups', { groupId: 'g' }, { ifAbsent: true }));
      assert.equal(failed, 2);
      proxy.plan(({ count }) => (count <= 2 && !writes ? { fault } : undefined));
      assert.ok(await tables.get('groups', key));
    },
  );

  it('40 transactions on one item, each met by others, happen one after the other', async () => {
    proxy.plan(({ operation, count }) =>
      operation === 'TransactWriteItems' && count % 3 !== 0 ? { fault: 'conflict' } : undefined,
    );
    const runs = Array.from({ length: 40 }, (_, n) =>
      tables.transact([
        { put: 'groups', item: { groupId: 'g', n } },
        { put: 'memberships', item: { groupId: 'g', userId: `u${n}` }, guard: { ifAbsent: true } },
      ]),
    );
    assert.ok((await Promise.all(runs)).every(({ done }) => done));
    assert.equal((await others.query('memberships', { partition: 'g', limit: 100 })).items.length, 40);
  });

  it('an import that meets a transaction is repeated', async () => {
    first({ fault: 'conflict' });
    await tables.bringIn('groups', { groupId: 'g' });
    assert.ok(await others.get('groups', key));
  });

  it.each(['reset', 'throttled', 'internal', 'conflict', 'lost answer'] as const)(
    'a database that always ends with "%s" is unavailable, after a bounded number of requests',
    async (fault) => {
      proxy.plan(() => ({ fault }));
      await assert.rejects(tables.put('groups', { groupId: 'g' }), { code: 'store_unavailable' });
      assert.ok(proxy.count() <= 16, `${proxy.count()} requests`);
    },
  );

  it('no database, no tables and no permission are unavailable, and said apart', async () => {
    const nowhere = dynamoTables({ ...local, endpoint: 'http://127.0.0.1:9', now: Date.now });
    await assert.rejects(nowhere.get('groups', key), { code: 'store_unavailable' });
    await nowhere.close();
    const unmade = dynamoTables({ ...local, tablePrefix: 'nobody-', now: Date.now });
    await assert.rejects(unmade.get('groups', key), {
      code: 'store_unavailable',
      message: /missing.*sealgate tables create/,
    });
    await unmade.close();
  });
});
