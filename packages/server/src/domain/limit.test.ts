import fc from 'fast-check';
import { expect, it } from 'vitest';
import { limitHeaders, slidingWindow } from './limit.ts';

it('never admits more than the limit in any window, wherever it begins', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 400 }), fc.constantFrom('a', 'b')), {
    maxLength: 300,
  });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (waits, limit) => {
      let at = 0;
      const limiter = slidingWindow({ limit, windowMs: 1000, keysMax: 10 }, () => at);
      const admitted = { a: [] as number[], b: [] as number[] };
      for (const [wait, key] of waits) {
        at += wait;
        const before = admitted[key as 'a'].filter((stamp) => at - stamp <= 1000).length;
        const checked = limiter.check(key);
        const standing = limiter.consume(key);
        expect(standing.allowed).toBe(before < limit);
        expect(checked.allowed).toBe(standing.allowed);
        expect(checked.remaining).toBe(limit - before);
        if (standing.allowed) admitted[key as 'a'].push(at);
      }
    }),
  );
});

it('does not let twice the limit pass across the edge of a minute', () => {
  let at = 59_000;
  const limiter = slidingWindow({ limit: 120, windowMs: 60_000, keysMax: 10 }, () => at);
  const burst = () =>
    Array.from({ length: 200 }, () => limiter.consume('k')).filter(({ allowed }) => allowed).length;
  expect(burst()).toBe(120);
  at = 61_000;
  expect(burst()).toBe(0);
  at = 119_000;
  expect(burst()).toBe(0);
  at = 119_001;
  expect(burst()).toBe(120);
});

it('counts a key anew, and truly, when it comes back after its window', () => {
  let at = 0;
  const limiter = slidingWindow({ limit: 1, windowMs: 1000, keysMax: 10 }, () => at);
  for (at = 0; at < 10_000; at += 2000)
    expect([limiter.consume('k').allowed, limiter.consume('k').allowed]).toEqual([true, false]);
});

it('says truly when the next use is free', () => {
  let at = 500;
  const limiter = slidingWindow({ limit: 2, windowMs: 1000, keysMax: 10 }, () => at);
  limiter.consume('k');
  at = 700;
  limiter.consume('k');
  const { allowed, freesInMs } = limiter.consume('k');
  expect(allowed).toBe(false);
  at += freesInMs - 1;
  expect(limiter.check('k').allowed).toBe(false);
  at += 1;
  expect(limiter.check('k').allowed).toBe(true);
});

it('refuses further keys when it holds as many as it may, instead of forgetting one that is in use', () => {
  let at = 0;
  const limiter = slidingWindow({ limit: 1, windowMs: 1000, keysMax: 2 }, () => at);
  limiter.consume('a');
  limiter.consume('b');
  expect(limiter.consume('c').allowed).toBe(false);
  expect(limiter.consume('a').allowed).toBe(false);
  at = 1001;
  expect(limiter.consume('c').allowed).toBe(true);
});

it('tells the client in the words of the draft and in the older ones', () => {
  let at = 0;
  const limiter = slidingWindow({ limit: 2, windowMs: 60_000, keysMax: 10 }, () => at);
  limiter.consume('k');
  expect(limitHeaders('mcp', limiter.consume('k'), 60_000, 1_700_000_000_000)).toEqual({
    ratelimit: '"mcp";r=0;t=61',
    'ratelimit-policy': '"mcp";q=2;w=60',
    'x-ratelimit-limit': '2',
    'x-ratelimit-remaining': '0',
    'x-ratelimit-reset': '1700000061',
  });
  at = 30_000;
  expect(limitHeaders('mcp', limiter.consume('k'), 60_000, 1_700_000_000_000)['retry-after']).toBe('31');
});
