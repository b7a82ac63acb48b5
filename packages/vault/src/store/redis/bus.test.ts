import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { busContract } from '../bus-contract.ts';
import { hear, until, type OpenBuses } from '../contract/bus-case.ts';
import { twoBuses } from '../fixtures/two-buses.ts';
import { redisBus } from './bus.ts';
import { missingServer, ownServer } from './fixtures/own-server.ts';
import { openRedis } from './server.ts';

const url = await testService('redis');

describe.skipIf(url === undefined)('bus over Redis', async () => {
  if (url === undefined) return;
  const [first, second] = await Promise.all([openRedis({ url }), openRedis({ url })]);
  afterAll(async () => {
    await first.close();
    await second.close();
  });
  const open: OpenBuses = () => {
    const prefix = `t${randomBytes(6).toString('hex')}:`;
    return twoBuses([redisBus(first, { prefix }), redisBus(second, { prefix })]);
  };
  it.each(busContract)('$name', ({ run }) => run(open));
});

describe.skipIf(missingServer() !== undefined)('bus when Redis fails', () => {
  it.each([
    ['was killed and started again', 'SIGKILL'],
    ['was frozen', 'SIGSTOP'],
  ] as const)('every listener is told to flush after Redis %s, and hears again', async (_, signal) => {
    const server = await ownServer();
    const redis = await openRedis({ url: server.url });
    const bus = await redisBus(redis);
    const heard = await Promise.all([hear(bus, 'a'), hear(bus, 'b')]);
    await bus.publish('a', 'before');
    await until(() => heard[0].payloads.length === 1, 'nobody was told');
    if (signal === 'SIGKILL') await server.kill();
    else server.signal('SIGSTOP');
    await expect(bus.publish('a', 'lost')).rejects.toMatchObject({ code: 'store_unavailable' });
    if (signal === 'SIGKILL') await server.restart();
    else {
      // Longer than a silence is borne: shorter ones lose nothing.
      await sleep(3000);
      server.signal('SIGCONT');
    }
    await until(() => heard.every(({ flushes }) => flushes > 0), 'somebody was not told to flush');
    await until(() => {
      void bus.publish('b', 'after').catch(() => undefined);
      return heard[1].payloads.includes('after');
    }, 'nobody hears again');
    await bus.close();
    await redis.close();
    await server.end();
  });

  it('a connection that an operator cuts is told of as well', async () => {
    const server = await ownServer();
    const redis = await openRedis({ url: server.url });
    const bus = await redisBus(redis);
    const heard = await hear(bus, 'a');
    server.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until(() => heard.flushes > 0, 'nobody was told to flush');
    await bus.publish('a', 'x');
    await until(() => heard.payloads.length === 1, 'nobody hears again');
    await bus.close();
    await redis.close();
    await server.end();
  });
});
