import { expect, test } from 'vitest';
import { floorsOf, riseOf, type Sample } from './soak-watch.ts';

const sample = (atSeconds: number, rssBytes: number): Sample => ({
  atSeconds,
  rssBytes,
  heapBytes: Number.NaN,
  processes: 0,
  openFiles: 0,
  sessions: 0,
  visits: 0,
  errors: 0,
});

test('a line that rises is told from one that swings', () => {
  const rising = [0, 1, 2, 3].map((at) => sample(at, 100 + 10 * at));
  expect(riseOf(rising, 'rssBytes')).toEqual({ rise: 30, mean: 115 });
  const swinging = [0, 1, 2, 3, 4].map((at) => sample(at, at % 2 === 0 ? 100 : 200));
  expect(riseOf(swinging, 'rssBytes').rise).toBeCloseTo(0);
});

test('what was not measured is no figure', () => {
  expect(riseOf([sample(0, 1), sample(1, 1)], 'heapBytes').rise).toBeNaN();
});

test('of a saw only the floor counts', () => {
  const saw = Array.from({ length: 12 }, (_, at) => sample(at, 100 + 50 * (at % 3)));
  expect(floorsOf(saw, 'rssBytes', 4).map(({ rssBytes }) => rssBytes)).toEqual([100, 100, 100, 100]);
});
