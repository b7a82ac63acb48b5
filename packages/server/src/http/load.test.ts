import { expect, it } from 'vitest';
import { openLoad } from './load.ts';

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'begun';
};
const last = (): void => undefined;
const none = { cut: (): void => undefined, last };

it('refuses more calls than it takes, and streams do not count as calls', () => {
  const load = openLoad({ callsMax: 1, streamsMax: 2 });
  load.begin('stream', none);
  load.begin('stream', none);
  const call = load.begin('call', none);
  expect(codeOf(() => load.begin('call', none))).toBe('overloaded');
  expect(codeOf(() => load.begin('stream', none))).toBe('overloaded');
  call.done();
  expect(codeOf(() => load.begin('call', none))).toBe('begun');
});

it('still takes work while it is leaving, and none while it drains', async () => {
  const load = openLoad({ callsMax: 2, streamsMax: 2 });
  load.leave();
  expect(codeOf(() => load.begin('call', none).done())).toBe('begun');
  await load.drain(1000);
  expect(codeOf(() => load.begin('call', none))).toBe('draining');
});

it('cuts streams at once, waits for calls, and cuts those that outlast the wait', async () => {
  const load = openLoad({ callsMax: 2, streamsMax: 2 });
  const order: string[] = [];
  const stream = load.begin('stream', {
    cut() {
      order.push('stream cut');
      stream.done();
    },
    last,
  });
  const quick = load.begin('call', { cut: () => void order.push('quick cut'), last });
  const slow = load.begin('call', {
    cut() {
      order.push('slow cut');
      slow.done();
    },
    last,
  });
  const drained = load.drain(50).then(() => order.push('drained'));
  quick.done();
  order.push('quick done');
  await drained;
  expect(order).toEqual(['stream cut', 'quick done', 'slow cut', 'drained']);
});

it('waits for what takes no place too, and never refuses it', async () => {
  const load = openLoad({ callsMax: 1, streamsMax: 1 });
  const call = load.begin('call', none);
  const page = load.admit('call', none);
  let drained = false;
  const draining = load.drain(10_000).then(() => (drained = true));
  const late = load.admit('call', none);
  for (const work of [call, page]) work.done();
  await Promise.resolve();
  expect([drained, load.running]).toEqual([false, 1]);
  late.done();
  await draining;
});

it('says of everything under way that it is the last on its connection, once it leaves', () => {
  const load = openLoad({ callsMax: 9, streamsMax: 9 });
  const told: string[] = [];
  const ends = (name: string) => ({ cut: () => undefined, last: () => void told.push(name) });
  load.begin('call', ends('call'));
  load.admit('call', ends('page'));
  load.begin('stream', ends('stream'));
  expect(told).toEqual([]);
  load.leave();
  expect(told.toSorted()).toEqual(['call', 'page', 'stream']);
  load.admit('call', ends('later'));
  expect(told).toContain('later');
});

it('ends a stream that comes when streams have ended', async () => {
  const load = openLoad({ callsMax: 9, streamsMax: 9 });
  await load.drain(0);
  let cut = false;
  load.admit('stream', { cut: () => void (cut = true), last });
  expect(cut).toBe(true);
});
