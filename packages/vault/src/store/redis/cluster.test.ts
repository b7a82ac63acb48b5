import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { busContract } from '../bus-contract.ts';
import type { OpenRecords } from '../contract/records-case.ts';
import { twoBuses } from '../fixtures/two-buses.ts';
import { recordsContract } from '../records-contract.ts';
import { redisBus } from './bus.ts';
import { missingServer, ownServer, type OwnServer } from './fixtures/own-server.ts';
import { redisRecords } from './records.ts';
import { openRedis } from './server.ts';

const slots = 16_384;

async function cluster(): Promise<readonly OwnServer[]> {
  const servers = await Promise.all(
    Array.from({ length: 3 }, () => ownServer('--cluster-enabled', 'yes', '--cluster-node-timeout', '15000')),
  );
  const [first] = servers;
  const third = Math.ceil(slots / 3);
  for (const [n, server] of servers.entries()) {
    const last = Math.min((n + 1) * third, slots) - 1;
    server.command('CLUSTER', 'ADDSLOTSRANGE', `${n * third}`, `${last}`);
    server.command('CLUSTER', 'MEET', '127.0.0.1', `${first?.port}`, `${(first?.port ?? 0) + 10_000}`);
  }
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 100) {
    const states = servers.map((server) => server.command('CLUSTER', 'INFO'));
    if (states.every((said) => /state:ok/.test(said) && /known_nodes:3/.test(said))) return servers;
    await sleep(100);
  }
  throw new Error('the cluster does not come up');
}

describe.skipIf(missingServer() !== undefined)('a cluster of three', async () => {
  if (missingServer() !== undefined) return;
  const servers = await cluster();
  const redis = await openRedis({ url: servers[0]?.url ?? '' });
  afterAll(async () => {
    await redis.close();
    for (const server of servers) await server.end();
  });
  const open: OpenRecords = async ({ now }) => {
    const records = redisRecords(redis, { now, prefix: `t${randomBytes(6).toString('hex')}:` });
    return { records, settle: async () => undefined, close: records.close };
  };

  it('is found from one of its servers, and asked as a whole', () => {
    expect(redis.servers()).toBe(3);
    expect(redis.ordered).toBe(false);
  });
  describe('records', () => {
    it.each(recordsContract)('$name', ({ run }) => run(open));
  });
  describe('bus', () => {
    it.each(busContract)('$name', ({ run }) => run(() => twoBuses([redisBus(redis), redisBus(redis)])));
  });
  it('spreads its records over all servers', async () => {
    const records = redisRecords(redis, { now: Date.now });
    for (let n = 0; n < 60; n += 1)
      await records.put(`n${n}`, Buffer.from('x'), { endsAtMs: Date.now() + 60_000, owners: ['u'] });
    for (const server of servers) expect(Number(server.command('DBSIZE'))).toBeGreaterThan(5);
    expect((await records.list('u', { limit: 100 })).names.length).toBe(60);
  });
  it('refuses what a lost server holds, and serves the rest again when it is back', async () => {
    const records = redisRecords(redis, { now: Date.now });
    const read = async (): Promise<readonly string[]> => {
      const asked = Array.from({ length: 20 }, (_, n) => records.get(`n${n}`));
      return (await Promise.allSettled(asked)).map(({ status }) => status);
    };
    await servers[1]?.kill();
    expect(new Set(await read())).toContain('rejected');
    await servers[1]?.restart();
    let statuses = await read();
    for (let waitedMs = 0; statuses.includes('rejected') && waitedMs < 30_000; waitedMs += 200) {
      await sleep(200);
      statuses = await read();
    }
    expect(new Set(statuses)).toEqual(new Set(['fulfilled']));
  });
});
