import assert from 'node:assert/strict';
import type { SortRange } from '../tables.ts';
import { onTables, readAll, type TablesBench, type TablesCase } from './tables-case.ts';

async function due(
  { tables }: TablesBench,
  range?: SortRange,
  descending = false,
): Promise<readonly string[]> {
  const query = {
    index: 'typeStatus-runAt-index',
    partition: 'once#pending',
    limit: 2,
    descending,
    ...(range === undefined ? {} : { range }),
  } as const;
  return (await readAll(tables, 'scheduled_jobs', query)).map(({ jobId }) => jobId);
}

/** Indexes are sparse, ordered by their own type, follow every write, and page over equal values. */
export const indexCases: readonly TablesCase[] = [
  onTables('an index follows writes and removals', async ({ tables, settle }) => {
    const groups = async (userId: string): Promise<readonly string[]> =>
      (await readAll(tables, 'memberships', { index: 'userId-index', partition: userId, limit: 10 })).map(
        ({ groupId }) => groupId,
      );
    await tables.put('memberships', { groupId: 'g1', userId: 'u' });
    await tables.put('memberships', { groupId: 'g2', userId: 'u' });
    await tables.put('users', { userId: 'u', email: 'a@b' });
    await settle();
    assert.deepEqual([...(await groups('u'))].sort(), ['g1', 'g2']);
    const found = await tables.query('users', { index: 'email-index', partition: 'a@b', limit: 1 });
    assert.deepEqual(found.items[0], await tables.get('users', { userId: 'u' }));
    await tables.remove('memberships', { groupId: 'g1', userId: 'u' });
    await tables.put('users', { userId: 'u', email: 'c@d' });
    await settle();
    assert.deepEqual(await groups('u'), ['g2']);
    assert.equal(
      (await tables.query('users', { index: 'email-index', partition: 'a@b', limit: 1 })).items.length,
      0,
    );
    assert.equal(
      (await tables.query('users', { index: 'email-index', partition: 'c@d', limit: 1 })).items.length,
      1,
    );
  }),
  onTables('items without an attribute of the index are not in it', async (bench) => {
    const { tables, settle } = bench;
    await tables.put('scheduled_jobs', { jobId: 'both', typeStatus: 'once#pending', runAt: 1 });
    await tables.put('scheduled_jobs', { jobId: 'no sort', typeStatus: 'once#pending' });
    await tables.put('scheduled_jobs', { jobId: 'no partition', runAt: 1 });
    await tables.put('scheduled_jobs', { jobId: 'neither' });
    await settle();
    assert.deepEqual(await due(bench), ['both']);
    assert.equal((await tables.scan('scheduled_jobs', { limit: 10 })).items.length, 4);
  }),
  onTables('a number sorts as a number', async (bench) => {
    const times = [-5, -0.5, 0, 0.25, 2, 9, 10, 100, 1_800_000_000_000];
    for (const runAt of [...times].reverse())
      await bench.tables.put('scheduled_jobs', { jobId: `at ${runAt}`, typeStatus: 'once#pending', runAt });
    await bench.settle();
    const names = times.map((runAt) => `at ${runAt}`);
    assert.deepEqual(await due(bench), names);
    assert.deepEqual(await due(bench, undefined, true), [...names].reverse());
    assert.deepEqual(await due(bench, { before: 9 }), names.slice(0, 5));
    assert.deepEqual(await due(bench, { after: 9 }), names.slice(6));
    assert.deepEqual(await due(bench, { between: [0, 10] }, true), names.slice(2, 7).reverse());
  }),
  onTables('pages over equal index values leave out nothing and repeat nothing', async (bench) => {
    const { tables, settle } = bench;
    const ids = Array.from({ length: 23 }, (_, n) => `j${n}`);
    for (const jobId of ids)
      await tables.put('scheduled_jobs', { jobId, userId: 'u', typeStatus: 'once#pending', runAt: 7 });
    await settle();
    for (const descending of [false, true]) {
      assert.deepEqual([...(await due(bench, undefined, descending))].sort(), [...ids].sort());
      assert.deepEqual([...(await due(bench, { between: [7, 7] }, descending))].sort(), [...ids].sort());
      const byUser = await readAll(tables, 'scheduled_jobs', {
        index: 'userId-index',
        partition: 'u',
        limit: 5,
        descending,
      });
      assert.deepEqual(byUser.map(({ jobId }) => jobId).sort(), [...ids].sort());
    }
  }),
  onTables('index values of any alphabet are found exactly and in order', async ({ tables, settle }) => {
    const emails = ['a', 'a\0', 'a\0b', 'a"\\\u2028', 'b%', '\uffee', '😀'];
    for (const accountEmail of emails)
      await tables.put('oauth_tokens', {
        userId: 'u',
        providerKey: `p#${accountEmail}`,
        provider: 'p\0"',
        accountEmail,
      });
    await settle();
    const query = { index: 'accountEmail-index', partition: 'p\0"', limit: 2 } as const;
    assert.deepEqual(
      (await readAll(tables, 'oauth_tokens', query)).map((item) => item['accountEmail']),
      emails,
    );
    const exact = await readAll(tables, 'oauth_tokens', { ...query, range: { between: ['a\0b', 'a\0b'] } });
    assert.deepEqual(
      exact.map((item) => item['accountEmail']),
      ['a\0b'],
    );
    assert.equal((await readAll(tables, 'oauth_tokens', { ...query, partition: 'p' })).length, 0);
  }),
];
