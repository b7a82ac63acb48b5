import { randomBytes } from 'node:crypto';
import { afterAll, describe, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import type { OpenRecords } from '../contract/records-case.ts';
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
});
