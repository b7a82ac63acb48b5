import { describe, expect, test } from 'vitest';
import { compared, quietRounds } from './quiet-rounds.ts';

describe('rounds of ways', () => {
  const ways = [{ name: 'one' }, { name: 'other' }, { name: 'third' }];

  test('each takes the ways in another order, and each way gives figures in each', async () => {
    const called: string[] = [];
    const measured = await quietRounds({ roundCount: 3, triesMax: 3, patienceMs: 0 })({
      ways,
      pids: [],
      figuresOf: async ({ name }) => called.push(name),
    });
    expect(called.join(' ')).toBe('one other third other third one third one other');
    expect(measured.tries).toBe(3);
    expect(measured.rounds.map((round) => Object.keys(round).toSorted())).toEqual(
      Array.from({ length: 3 }, () => ['one', 'other', 'third']),
    );
  });

  test('as many count as shall, however many were tried', async () => {
    const measure = quietRounds({ roundCount: 2, triesMax: 4, patienceMs: 0 });
    const { rounds, tries } = await measure({ ways, pids: [], figuresOf: async () => 1 });
    expect(rounds).toHaveLength(2);
    expect([2, 3, 4]).toContain(tries);
  });

  test('two ways are compared within each round, and a round that lacks one says nothing', () => {
    const rounds = [{ one: 2, other: 1 }, { one: 9, other: 3 }, { one: 40, other: 10 }, { one: 7 }];
    expect(compared<number>({ rounds }, ['one', 'other'], (a, b) => a / b)).toBe(3);
  });
});
