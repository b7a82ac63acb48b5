import { randomBytes } from 'node:crypto';
import type { Counted, UseCounter } from '@sealgate/vault';
import { openRedis, redisUseCounter } from '@sealgate/vault/redis';
import { testService } from '@sealgate/vault/testing';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { Log } from '../log.ts';
import { openLimits } from './limits.ts';

const sealer = {
  blind: (purpose: string, name: string) => Buffer.from(`${purpose} ${name}`).toString('hex'),
};
const minute = { limit: 3, windowMs: 60_000, keysMax: 100 };

function stage(counter: UseCounter, answerMs?: number) {
  const [warn, info] = [vi.fn<() => void>(), vi.fn<() => void>()];
  const clock = { ms: 1000 };
  const log = { warn, info } as unknown as Log;
  const limits = openLimits({ counter, sealer, log, now: () => clock.ms, answerMs });
  return { limits, warn, info, clock };
}

/** Counts without end, and fails on demand. */
function scripted() {
  const state = { answer: async (): Promise<Counted> => ({ allowed: true, used: 1, freesInMs: 5 }) };
  const use = vi.fn<() => Promise<Counted>>(() => state.answer());
  return { state, use, counter: { use, look: use } };
}

const allowed = async (limiter: ReturnType<ReturnType<typeof openLimits>>, key = 'k') =>
  (await limiter.consume(key)).allowed;

const redisUrl = await testService('redis');
describe.skipIf(redisUrl === undefined)('over Redis', async () => {
  if (redisUrl === undefined) return;
  const servers = await Promise.all([openRedis({ url: redisUrl }), openRedis({ url: redisUrl })]);
  const prefix = `t${randomBytes(6).toString('hex')}:`;
  const [one, other] = servers.map((server) => stage(redisUseCounter(server, { prefix })).limits);
  afterAll(async () => void (await Promise.all(servers.map((server) => server.close()))));

  it('a limit holds over two instances, for each key and each limit apart', async () => {
    const both = [one?.('mcp', minute), other?.('mcp', minute)];
    const uses = await Promise.all(Array.from({ length: 20 }, async (_, n) => both[n % 2]?.consume('k')));
    expect(uses.filter((standing) => standing?.allowed)).toHaveLength(3);
    expect(await both[0]?.check('k')).toMatchObject({ allowed: false, limit: 3, remaining: 0 });
    expect(await both[1]?.consume('other')).toMatchObject({ allowed: true, remaining: 2 });
    expect(await other?.('login', minute).consume('k')).toMatchObject({ allowed: true, remaining: 2 });
  });
});

it('who is refused by the own count is refused without asking', async () => {
  const { counter, use } = scripted();
  const limiter = stage(counter).limits('mcp', minute);
  for (let n = 0; n < 3; n += 1) expect(await allowed(limiter)).toBe(true);
  expect(await allowed(limiter)).toBe(false);
  expect(use).toHaveBeenCalledTimes(3);
});

it('what others have used up is refused, and does not count here', async () => {
  const { counter, state } = scripted();
  const limiter = stage(counter).limits('mcp', minute);
  state.answer = async () => ({ allowed: false, used: 3, freesInMs: 777 });
  for (let n = 0; n < 9; n += 1)
    expect(await limiter.consume('k')).toEqual({ allowed: false, limit: 3, remaining: 0, freesInMs: 777 });
  state.answer = async () => ({ allowed: true, used: 1, freesInMs: 5 });
  expect(await allowed(limiter)).toBe(true);
});

it('while nobody answers each instance counts for itself, says so once, and asks again after a second', async () => {
  const { counter, state, use } = scripted();
  const { limits, warn, info, clock } = stage(counter);
  const limiter = limits('mcp', minute);
  expect(await allowed(limiter)).toBe(true);
  state.answer = () => Promise.reject(new Error('down'));
  // One was used before, so two are left; neither is the gate open nor is it shut.
  expect([await allowed(limiter), await allowed(limiter), await allowed(limiter)]).toEqual([
    true,
    true,
    false,
  ]);
  expect(await allowed(limiter, 'another')).toBe(true);
  expect(use).toHaveBeenCalledTimes(2);
  expect(warn).toHaveBeenCalledTimes(1);
  clock.ms += 1001;
  expect(await allowed(limiter, 'another')).toBe(true);
  expect([use.mock.calls.length, warn.mock.calls.length]).toEqual([3, 1]);
  state.answer = async () => ({ allowed: true, used: 1, freesInMs: 5 });
  clock.ms += 1001;
  expect(await allowed(limiter, 'a third')).toBe(true);
  expect([use.mock.calls.length, info.mock.calls.length]).toEqual([4, 1]);
});

it('an answer that is late is not waited for, and meanwhile one use alone asks', async () => {
  const { counter, state, use } = scripted();
  const { limits, warn, clock } = stage(counter, 20);
  const limiter = limits('mcp', minute);
  state.answer = () => new Promise(() => undefined);
  expect(await allowed(limiter)).toBe(true);
  expect(warn).toHaveBeenCalledTimes(1);
  clock.ms += 1001;
  expect(await Promise.all([allowed(limiter), allowed(limiter, 'b'), allowed(limiter, 'c')])).toEqual([
    true,
    true,
    true,
  ]);
  expect(use).toHaveBeenCalledTimes(2);
});
