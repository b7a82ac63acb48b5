import { expect, test } from 'vitest';
import { abreast } from './abreast.ts';

test('each is done once, so many at a time and no more', async () => {
  const done: number[] = [];
  let under = 0;
  let most = 0;
  await abreast(
    Array.from({ length: 50 }, (_, n) => n),
    4,
    async (n) => {
      most = Math.max(most, (under += 1));
      await new Promise(setImmediate);
      under -= 1;
      done.push(n);
    },
  );
  expect(done.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, n) => n));
  expect(most).toBe(4);
});

test('one that fails stops no other, and is told in the end', async () => {
  const done: string[] = [];
  const all = abreast(['a', 'b', 'c'], 1, async (name) => {
    done.push(name);
    if (name === 'a') throw new Error(name);
  });
  await expect(all).rejects.toThrow('a');
  expect(done).toEqual(['a', 'b', 'c']);
});
