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
const none = (): void => undefined;

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
  const stream = load.begin('stream', () => {
    order.push('stream cut');
    stream.done();
  });
  const quick = load.begin('call', () => order.push('quick cut'));
  const slow = load.begin('call', () => {
    order.push('slow cut');
    slow.done();
  });
  const drained = load.drain(50).then(() => order.push('drained'));
  quick.done();
  order.push('quick done');
  await drained;
  expect(order).toEqual(['stream cut', 'quick done', 'slow cut', 'drained']);
});
