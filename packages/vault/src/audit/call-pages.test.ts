import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { oneKeySealer } from '../testing/index.ts';
import { journalCalls } from './call-reader.ts';
import { callPage, type CallPageQuery } from './call-pages.ts';
import type { Entry } from './entry.ts';
import type { EntryReader } from './every-entry.ts';
import { entryMatcher } from './filter.ts';

const sealer = oneKeySealer();
const idOf = (nth: number): string => `01932b6e-7a55-7cc3-98c4-${String(nth).padStart(12, '0')}`;

/** A journal of calls, some of which took place in one millisecond. */
function journal(times: readonly number[]): { entries: Entry[]; reader: EntryReader } {
  const entries = times.map((ts, nth): Entry => {
    const act = nth % 3 === 0 ? 'tool.list' : 'tool.call';
    return { v: 1, id: idOf(nth), ts, cls: 'strict', tenant: 'g1', corr: 'r', act, obj: 'upstream:docs' };
  });
  const all: Entry[] = [...entries];
  const reader: EntryReader = {
    async page({ order, limit, cursor = '0', ...filter }) {
      const matching = all.filter(entryMatcher(filter));
      const ordered = order === 'newest' ? matching.toReversed() : matching;
      const end = Number(cursor) + limit;
      return {
        entries: ordered.slice(Number(cursor), end),
        cursor: end < ordered.length ? String(end) : undefined,
        reached: { entry: 0, of: 0 },
      };
    },
  };
  return { entries: all, reader };
}

const question = { caller: 'ann', filter: { tenant: 'g1' }, limit: 3 } as const;
const times = fc
  .array(fc.integer({ min: 0, max: 3 }), { maxLength: 40 })
  .map((steps) => steps.reduce<number[]>((all, step) => [...all, (all.at(-1) ?? 1000) + step], []));

describe('pages of calls', () => {
  test('give each call once, the newest first, also within one millisecond, and whatever is recorded meanwhile', async () => {
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 1, max: 7 }), fc.boolean(), async (at, limit, narrowed) => {
        const { entries, reader } = journal(at);
        const filter = narrowed ? { tenant: 'g1', act: 'tool.call' } : { tenant: 'g1' };
        const expected = entries.filter(entryMatcher(filter)).map(({ id }) => id);
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await callPage(journalCalls(reader), sealer, { caller: 'ann', filter, limit, cursor });
          expect(page.calls.length).toBeLessThanOrEqual(limit);
          seen.push(...page.calls.map(({ attempt }) => attempt.id));
          cursor = page.cursor;
          entries.push({ ...entries.at(-1)!, id: idOf(1000 + entries.length) });
        } while (cursor !== undefined);
        expect(seen).toEqual(expected.toReversed());
      }),
      { numRuns: 200 },
    );
  });

  test('give each call once, the oldest first, and what is recorded meanwhile behind them', async () => {
    await fc.assert(
      fc.asyncProperty(times, fc.integer({ min: 1, max: 7 }), async (at, limit) => {
        const { entries, reader } = journal(at);
        const seen: string[] = [];
        let cursor: string | undefined;
        do {
          const query = { caller: 'ann', filter: { tenant: 'g1' }, order: 'oldest', limit, cursor } as const;
          const page = await callPage(journalCalls(reader), sealer, query);
          expect(page.calls.length).toBeLessThanOrEqual(limit);
          seen.push(...page.calls.map(({ attempt }) => attempt.id));
          ({ cursor } = page);
          if (cursor !== undefined && entries.length < 60)
            entries.push({ ...entries.at(-1)!, id: idOf(1000 + entries.length) });
        } while (cursor !== undefined);
        expect(seen).toEqual(entries.map(({ id }) => id));
      }),
      { numRuns: 200 },
    );
  });

  test('go on by time where the attempt that was given last is there no more', async () => {
    const { entries, reader } = journal([1, 2, 3, 4, 5]);
    const { cursor } = await callPage(journalCalls(reader), sealer, { ...question, limit: 2 });
    entries.splice(3, 1);
    const next = await callPage(journalCalls(reader), sealer, { ...question, limit: 2, cursor });
    expect(next.calls.map(({ attempt }) => attempt.ts)).toEqual([3, 2]);
  });
});

describe('a cursor', () => {
  const { reader } = journal([1, 2, 3, 4, 5]);
  const after = async (): Promise<string> => (await callPage(journalCalls(reader), sealer, question)).cursor!;
  const refused = (cursor: string, changed: Partial<CallPageQuery> = {}): Promise<void> =>
    expect(callPage(journalCalls(reader), sealer, { ...question, ...changed, cursor })).rejects.toMatchObject(
      {
        code: 'cursor_invalid',
      },
    );

  test('is of one asker and one question', async () => {
    const cursor = await after();
    await refused(cursor, { caller: 'ben' });
    await refused(cursor, { order: 'oldest' });
    for (const filter of [
      {},
      { tenant: 'g2' },
      { tenant: 'g1', act: 'x' },
      { tenant: 'g1', out: 'none' },
    ] as const)
      await refused(cursor, { filter });
    await expect(
      callPage(journalCalls(reader), sealer, { ...question, limit: 1, cursor }),
    ).resolves.toBeDefined();
  });

  test('cannot be made or changed', async () => {
    const cursor = await after();
    const [ts = '', id = '', mark = ''] = cursor.split('.');
    for (const forged of [
      `${Number(ts) + 1}.${id}.${mark}`,
      `0${ts}.${id}.${mark}`,
      `${ts}.${idOf(1)}.${mark}`,
      `${ts}.${id}.${mark.slice(1)}`,
      `${ts}.${id}.${mark}A`,
      `${ts}.${id}`,
      '',
      'x'.repeat(5000),
    ])
      await refused(forged);
  });
});
