import { setTimeout as sleep } from 'node:timers/promises';
import { memoryTables, tableRecords, type Records } from '@sealgate/vault';
import { afterEach, expect, test, vi } from 'vitest';
import type { Log } from '../log.ts';
import { claimTables, type ClaimParts } from './tables-claim.ts';

const now = Date.now;
const times = { renewMs: 20, leaseMs: 300, lookMs: 10 };
const atEnd: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of atEnd.splice(0)) await end();
});

function stage() {
  const records = tableRecords(memoryTables({ now }), { now });
  const claim = async (how: ClaimParts['how'], place: string, given: Partial<ClaimParts> = {}) => {
    const [error, lost] = [vi.fn<(said: unknown) => void>(), vi.fn<() => void>()];
    const log = { warn: () => undefined, error } as unknown as Log;
    const parts = { records, how, place, log, lost, now, times, ...given };
    const release = await claimTables(parts);
    atEnd.push(release);
    return { release, error, lost };
  };
  return { records, claim };
}

/** Renews no more, and does not give back: as after SIGKILL. */
const dying = (records: Records): Partial<ClaimParts> => ({
  records: { ...records, put: (...given) => records.put(...given) },
  times: { ...times, renewMs: 3_600_000 },
});

const mixed: [ClaimParts['how'], ClaimParts['how'], string][] = [
  [
    'alone',
    'alone',
    'without a Redis one has to be alone: stop it, or set REDIS_URL and ADVERTISE_URL on both',
  ],
  ['alone', 'several', 'an instance without a Redis works on these tables: stop it, or set REDIS_URL'],
  [
    'several',
    'alone',
    'other instances with a Redis work on these tables: set REDIS_URL and ADVERTISE_URL here',
  ],
];
test.each(mixed)('while one that is %s runs, one that is %s is refused', async (there, here, message) => {
  const { claim } = stage();
  const { lost } = await claim(there, 'a');
  await expect(claim(here, 'b')).rejects.toMatchObject({
    code: 'deployment_in_use',
    message: expect.stringContaining(message),
  });
  expect(lost).not.toHaveBeenCalled();
});

test('several that share a Redis run beside each other, and the claim outlives each of them', async () => {
  const { claim } = stage();
  const [a, b, c] = [await claim('several', 'a'), await claim('several', 'b'), await claim('several', 'c')];
  await a.release();
  await sleep(100);
  await expect(claim('alone', 'd')).rejects.toMatchObject({ code: 'deployment_in_use' });
  for (const { error, lost } of [a, b, c]) expect([error.mock.calls, lost.mock.calls]).toEqual([[], []]);
});

test('one that runs keeps its claim although the machine stood still while another one waited', async () => {
  const { claim } = stage();
  const { lost } = await claim('alone', 'a', { times: { ...times, renewMs: 50 } });
  const waiting = claim('alone', 'b');
  // It has begun to wait, and both are late for what they do next.
  await new Promise(setImmediate);
  for (const endMs = performance.now() + times.leaseMs + 50; performance.now() < endMs;);
  await expect(waiting).rejects.toMatchObject({ code: 'deployment_in_use' });
  expect(lost).not.toHaveBeenCalled();
});

test('of many that start alone at once one runs', async () => {
  const { claim } = stage();
  const all = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((place) => claim('alone', place)));
  expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('who gave its claim back is not waited for', async () => {
  const { claim } = stage();
  const { release } = await claim('alone', 'a');
  await release();
  await sleep(5);
  expect((await claim('several', 'b')).error).not.toHaveBeenCalled();
});

test.each(['alone', 'several'] as const)(
  'one that was killed is waited for until its claim runs out: %s',
  async (there) => {
    const { records, claim } = stage();
    await claim(there, 'a', dying(records));
    const beganMs = performance.now();
    const { error } = await claim('alone', 'b');
    expect(performance.now() - beganMs).toBeGreaterThanOrEqual(times.leaseMs - 1);
    expect(error.mock.calls.flat()).toEqual([
      'others worked on these tables until just now: waiting up to 1 s whether they are gone',
    ]);
  },
);

test('one that was killed is not waited for on its own data directory', async () => {
  const { records, claim } = stage();
  await claim('alone', 'a', dying(records));
  expect((await claim('alone', 'a')).error).not.toHaveBeenCalled();
});

test('one that slept while another took over stops, and takes nothing away from it', async () => {
  const { records, claim } = stage();
  let asleep = true;
  const sleeping: Records = {
    ...records,
    put: async (...given) => {
      await vi.waitFor(() => expect(asleep).toBe(false), 5000);
      return records.put(...given);
    },
  };
  asleep = false;
  const first = await claim('alone', 'a', { records: sleeping });
  asleep = true;
  const second = await claim('alone', 'b');
  asleep = false;
  await vi.waitFor(() => expect(first.lost).toHaveBeenCalledTimes(1), 5000);
  await first.release();
  await expect(claim('alone', 'c')).rejects.toMatchObject({ code: 'deployment_in_use' });
  expect(second.lost).not.toHaveBeenCalled();
});

test('a renewal whose answer was lost, and a store that is away for a while, lose nothing', async () => {
  const { records, claim } = stage();
  const state = { puts: 0 };
  const shaky: Records = {
    ...records,
    async put(...given) {
      state.puts += 1;
      if (state.puts % 3 === 0) throw new Error('away');
      const written = await records.put(...given);
      if (state.puts % 3 === 1 && state.puts > 1) throw new Error('the answer is lost');
      return written;
    },
  };
  const { lost } = await claim('alone', 'a', { records: shaky });
  await vi.waitFor(() => expect(state.puts).toBeGreaterThan(10), 5000);
  expect(lost).not.toHaveBeenCalled();
});
