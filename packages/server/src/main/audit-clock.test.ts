import assert from 'node:assert/strict';
import { test } from 'vitest';
import { watchClock } from './audit-clock.ts';

function clocks() {
  const at = { wallMs: 1_800_000_000_000, steadyMs: 77 };
  const steps: number[] = [];
  const watch = watchClock({
    now: () => at.wallMs,
    steadyMs: () => at.steadyMs,
    told: (stepMs) => steps.push(stepMs),
  });
  const pass = (ms: number, step = 0): void => {
    at.steadyMs += ms;
    at.wallMs += ms + step;
    watch.look();
  };
  return { pass, steps, close: watch.close };
}

test('a clock that goes like the other one is not told of, however long', () => {
  const { pass, steps, close } = clocks();
  for (let hour = 0; hour < 1000; hour += 1) pass(3600_000);
  close();
  assert.deepEqual(steps, []);
});

test.each([
  ['forward', 3600_000],
  ['back', -7200_000],
])('a clock that is put %s is told of once', (_, step) => {
  const { pass, steps, close } = clocks();
  pass(5000);
  pass(5000, step);
  pass(5000);
  close();
  assert.deepEqual(steps, [step]);
});

test('a clock that is put back bit by bit is told of when the bits come to seconds', () => {
  const { pass, steps, close } = clocks();
  for (let i = 0; i < 7; i += 1) pass(5000, -1000);
  close();
  assert.deepEqual(steps, [-3000, -3000]);
});
