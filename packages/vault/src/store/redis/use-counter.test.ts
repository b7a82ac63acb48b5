import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import type { UseLimit } from '../use-counter.ts';
import { openRedis } from './server.ts';
import { redisUseCounter } from './use-counter.ts';

const url = await testService('redis');

/** A use that was admitted: it took place between the two. */
interface Use {
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** Most uses that lie, for certain, in one interval of this length. */
function mostWithin(uses: readonly Use[], windowMs: number): number {
  const inOne = uses.map(
    ({ sentMs: from }) =>
      uses.filter(({ sentMs, answeredMs }) => sentMs >= from && answeredMs <= from + windowMs).length,
  );
  return Math.max(0, ...inOne);
}

describe.skipIf(url === undefined)('uses counted in Redis', async () => {
  if (url === undefined) return;
  const servers = await Promise.all([openRedis({ url }), openRedis({ url })]);
  const [redis] = servers;
  const prefix = `t${randomBytes(6).toString('hex')}:`;
  const counters = servers.map((server) => redisUseCounter(server, { prefix }));
  const [one, other] = counters as [(typeof counters)[0], (typeof counters)[0]];
  afterAll(async () => void (await Promise.all(servers.map((server) => server.close()))));
  const fresh = (): string => randomBytes(9).toString('base64url');
  const minute: UseLimit = { limit: 5, windowMs: 60_000 };

  it('of many uses over two connections at once exactly as many as allowed are admitted', async () => {
    const name = fresh();
    const limit = { limit: 37, windowMs: 60_000 };
    const all = await Promise.all(
      Array.from({ length: 200 }, (_, n) => (n % 2 === 0 ? one : other).use(name, limit)),
    );
    expect(all.filter(({ allowed }) => allowed)).toHaveLength(37);
    expect(new Set(all.filter(({ allowed }) => allowed).map(({ used }) => used)).size).toBe(37);
    expect(await one.use(fresh(), limit)).toMatchObject({ allowed: true, used: 1 });
  });

  it('in no interval of the window’s length more are admitted than allowed, however the uses come', async () => {
    const plan = fc.record({
      limit: fc.integer({ min: 1, max: 12 }),
      windowMs: fc.integer({ min: 61, max: 240 }),
      bursts: fc.array(
        fc.record({ pauseMs: fc.integer({ min: 0, max: 90 }), size: fc.integer({ min: 1, max: 16 }) }),
        { minLength: 3, maxLength: 9 },
      ),
    });
    await fc.assert(
      fc.asyncProperty(plan, async ({ limit, windowMs, bursts }) => {
        const name = fresh();
        const uses: Use[] = [];
        const use = async (n: number): Promise<void> => {
          const sentMs = performance.now();
          const counter = n % 2 === 0 ? one : other;
          if ((await counter.use(name, { limit, windowMs })).allowed)
            uses.push({ sentMs, answeredMs: performance.now() });
        };
        for (const { pauseMs, size } of bursts) {
          await Promise.all(Array.from({ length: size }, (_, n) => use(n)));
          await sleep(pauseMs);
        }
        // The first burst found nothing used.
        expect(uses.length).toBeGreaterThanOrEqual(Math.min(limit, bursts[0]?.size ?? 0));
        expect(mostWithin(uses, windowMs)).toBeLessThanOrEqual(limit);
      }),
      { numRuns: 25 },
    );
  });

  it('what was used is free again after the window and a sixtieth, and is said to be', async () => {
    const name = fresh();
    const limit = { limit: 2, windowMs: 3000 };
    const beganMs = performance.now();
    await one.use(name, limit);
    await one.use(name, limit);
    let standing = await one.use(name, limit);
    expect(standing).toMatchObject({ allowed: false, used: 2 });
    expect(standing.freesInMs).toBeGreaterThan(0);
    expect(standing.freesInMs).toBeLessThanOrEqual(3100);
    while (!standing.allowed) {
      await sleep(1);
      standing = await other.use(name, limit);
    }
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(2999);
  });

  it('a refused use and a look do not count, and nothing is kept of them', async () => {
    const name = fresh();
    expect(await one.look(name, minute)).toEqual({ allowed: true, used: 0, freesInMs: 0 });
    expect(await redis?.send(name, ['GET', `${prefix}l:${name}`])).toBeNull();
    for (let n = 0; n < 9; n += 1) await one.use(name, { ...minute, limit: 3 });
    expect(await other.look(name, { ...minute, limit: 3 })).toMatchObject({ allowed: false, used: 3 });
    expect(await other.look(name, { ...minute, limit: 4 })).toMatchObject({ allowed: true, used: 3 });
  });

  it('what is kept of a name is small, and ends by itself', async () => {
    const limit = { limit: 1_000_000, windowMs: 300 };
    let key: string;
    let parts: number;
    // A machine that stands still for a moment uses few of the parts: then once more.
    do {
      const name = fresh();
      key = `${prefix}l:${name}`;
      for (const endMs = performance.now() + 700; performance.now() < endMs;) await one.use(name, limit);
      const kept = String(await redis?.send(key, ['GET', key]));
      parts = kept.slice(64).split(' ').length - 1;
      expect(parts).toBeLessThanOrEqual(2 * 60);
    } while (parts <= 2 * 20);
    expect(Number(await redis?.send(key, ['PEXPIRETIME', key])) - Date.now()).toBeLessThanOrEqual(305 + 1000);
    await expect.poll(async () => redis?.send(key, ['GET', key]), { timeout: 5000 }).toBeNull();
  });
});
