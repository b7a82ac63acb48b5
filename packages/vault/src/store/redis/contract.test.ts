import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { bytesOf, type OpenRecords } from '../contract/records-case.ts';
import type { Records } from '../records.ts';
import { recordsContract } from '../records-contract.ts';
import { redisRecords } from './records.ts';
import { openRedis } from './server.ts';

const url = await testService('redis');

describe.skipIf(url === undefined)('Redis', async () => {
  if (url === undefined) return;
  const redis = await openRedis({ url });
  afterAll(redis.close);
  const open: OpenRecords = async ({ now }) => {
    const records = redisRecords(redis, { now, prefix: `t${randomBytes(6).toString('hex')}:` });
    return { records, settle: async () => undefined, close: records.close };
  };
  describe('records', () => {
    it.each(recordsContract)('$name', ({ run }) => run(open));
  });

  describe('over several connections', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => openRedis({ url })));
    afterAll(async () => {
      for (const other of others) await other.close();
    });
    const prefix = `t${randomBytes(6).toString('hex')}:`;
    const each = others.map((other) => redisRecords(other, { now: Date.now, prefix }));
    const endsAtMs = Date.now() + 3_600_000;
    const crowd = <V>(act: (records: Records) => Promise<V>): Promise<V>[] =>
      Array.from({ length: 5 }, () => each.map(act)).flat();

    it('of 20 takers one wins, a hundred times', async () => {
      for (let round = 0; round < 100; round += 1) {
        await each[0]?.put('code', bytesOf('x'), { endsAtMs, owners: ['u'] });
        const taken = await Promise.all(crowd((records) => records.take('code')));
        expect(taken.filter((record) => record !== undefined).length).toBe(1);
      }
    });
    it('nothing that is written or extended survives a bar, a hundred times', async () => {
      for (let round = 0; round < 100; round += 1) {
        const name = `s${round}`;
        await each[0]?.put(name, bytesOf('x'), { endsAtMs, owners: ['u'] });
        await Promise.all([
          ...crowd((records) => records.put(name, bytesOf('y'), { endsAtMs, owners: ['u'] })),
          each[1]?.bar(name, endsAtMs),
          ...crowd((records) => records.extend(name, endsAtMs + 1)),
          ...crowd((records) => records.put(name, bytesOf('z'), { endsAtMs, owners: ['v'] })),
        ]);
        expect(await each[2]?.get(name)).toBeUndefined();
      }
      for (const owner of ['u', 'v'])
        expect((await each[3]?.list(owner, { limit: 1000 }))?.names).toEqual([]);
    });
  });
});
