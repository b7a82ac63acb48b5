import { expect, it } from 'vitest';
import { openHeld, type HeldParts } from './held.ts';

const caller = (grant: string | undefined, client = 'c') => ({
  tenant: 'g',
  subject: 's',
  client,
  source: 'mcp' as const,
  grant,
  ip: undefined,
  agent: undefined,
});

const still = async () => true;

function stage(change: Partial<HeldParts> = {}) {
  const revoked = new Set<string>();
  const ended: string[] = [];
  const failures: unknown[] = [];
  const listeners = new Set<() => void>();
  const held = openHeld({
    stands: async ({ grant }) => !revoked.has(grant),
    holds: () => false,
    endOf: async ({ client }) => void ended.push(client),
    onRevoked: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    failed: (error) => failures.push(error),
    everyMs: 1_000_000,
    now: Date.now,
    ...change,
  });
  return {
    held,
    revoked,
    ended,
    failures,
    announce: () => [...listeners].forEach((tell) => tell()),
    listeners,
  };
}

it('a revoked grant ends its streams and what is held for it, and no other', async () => {
  const { held, revoked, ended, announce } = stage();
  const cut: string[] = [];
  held.stream(caller('one', 'a'), () => cut.push('a'));
  held.stream(caller('two', 'b'), () => cut.push('b'));
  revoked.add('one');
  announce();
  await held.recheck();
  expect(cut).toEqual(['a']);
  expect(ended).toEqual(['a']);
  await held.close();
});

it('a session without a stream is ended as well', async () => {
  const { held, revoked, ended } = stage({ holds: () => true });
  (await held.enter(caller('one'), held.mark(), still))();
  held.holding(caller('one'));
  revoked.add('one');
  await held.recheck();
  expect(ended).toEqual(['c']);
});

it('what is over, or nobody granted, is not asked about', async () => {
  const asked: string[] = [];
  const { held } = stage({ stands: async ({ grant }) => asked.push(grant) > 0 });
  held.stream(caller('one'), () => undefined)();
  held.stream(caller(undefined), () => undefined);
  (await held.enter(caller('two'), held.mark(), still))();
  await held.recheck();
  expect(asked).toEqual([]);
});

it('what is revoked during a round is found by the next one', async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let asked = 0;
  const { held, ended, announce } = stage({
    stands: async () => {
      asked += 1;
      if (asked === 1) await gate;
      return asked === 1;
    },
  });
  held.stream(caller('one'), () => undefined);
  const first = held.recheck();
  announce();
  open();
  await first;
  await held.recheck();
  expect(ended).toEqual(['c']);
});

it('a store that fails ends nothing and is reported', async () => {
  const { held, ended, failures, announce, listeners } = stage({
    stands: () => Promise.reject(new Error('no store')),
  });
  held.stream(caller('one'), () => undefined);
  announce();
  await expect.poll(() => failures.length).toBe(1);
  expect(ended).toEqual([]);
  await held.close();
  expect(listeners.size).toBe(0);
});

it('a stream ends with the token that opened it, and one that is over is left alone', async () => {
  const { held } = stage();
  const cut: string[] = [];
  const ending = { ...caller('one'), endsAtMs: Date.now() + 50 };
  held.stream(ending, () => cut.push('open'));
  held.stream(ending, () => cut.push('closed'))();
  await expect.poll(() => cut).toEqual(['open']);
});

it('what only passed through is forgotten without asking what fronts hold', async () => {
  const asked: string[] = [];
  const { held, ended, revoked } = stage({ holds: ({ client }) => asked.push(client) > 0 });
  (await held.enter(caller('one', 'passes'), held.mark(), still))();
  (await held.enter(caller('two', 'is served'), held.mark(), still))();
  held.holding(caller('two', 'is served'));
  revoked.add('one').add('two');
  await held.recheck();
  expect([asked, ended]).toEqual([['is served'], ['is served']]);
});
