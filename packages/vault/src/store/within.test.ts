import { expect, it, vi } from 'vitest';
import { within } from './within.ts';

it('gives what comes in time, and passes a failure on', async () => {
  expect(await within(60_000, Promise.resolve(7))).toBe(7);
  await expect(within(60_000, Promise.reject(new Error('broken')))).rejects.toThrow('broken');
});

it('gives up what is late, whatever it comes to afterwards', async () => {
  let reject: (error: Error) => void = () => undefined;
  const work = new Promise<never>((_, no) => (reject = no));
  await expect(within(1, work)).rejects.toThrow('no answer within 1 ms');
  reject(new Error('much later'));
  await new Promise(setImmediate);
});

it('leaves no timer behind', async () => {
  vi.useFakeTimers();
  try {
    await within(60_000, Promise.resolve());
    expect(vi.getTimerCount()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
});
