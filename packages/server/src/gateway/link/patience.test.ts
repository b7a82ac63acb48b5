import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openPatience } from './patience.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

test('a call is over when its time is', () => {
  const over = vi.fn<() => void>();
  openPatience().limit(1000, over);
  vi.advanceTimersByTime(999);
  expect(over).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(over).toHaveBeenCalledOnce();
});

test('a clock that was stopped stays silent', () => {
  const over = vi.fn<() => void>();
  openPatience().limit(1000, over)();
  vi.advanceTimersByTime(10_000);
  expect(over).not.toHaveBeenCalled();
});

test('the time in which the client is asked does not count', async () => {
  const over = vi.fn<() => void>();
  const patience = openPatience();
  patience.limit(1000, over);
  const asked = Promise.withResolvers<void>();
  const asking = patience.during(asked.promise);
  await vi.advanceTimersByTimeAsync(60_500);
  expect(over).not.toHaveBeenCalled();
  asked.resolve();
  await asking;
  await vi.advanceTimersByTimeAsync(400);
  expect(over).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(2000);
  expect(over).toHaveBeenCalledOnce();
});
