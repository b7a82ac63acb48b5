import assert from 'node:assert/strict';
import type { IndexRow, Period, RowQuery } from '../segments.ts';
import { logIn, onSegments, stepOf, type SegmentsCase } from './segments-case.ts';

const a = logIn('group-1');
const row = (ix: number, ts: number, tags: IndexRow['tags'] = {}): IndexRow => {
  const id = `01932b6e-7a55-7cc3-98c4-${String(ix).padStart(12, '0')}`;
  return { ix, ts, id, tags };
};
// Entries of several writers need not come in the order of time.
const rows = [
  row(1, 100, { act: 7, actor: 1 }),
  row(2, 300, { act: 7, actor: 4_294_967_295 }),
  row(3, 200, { act: 8 }),
  row(4, 300, { act: 7 }),
];

const found = async (period: Period, query: Partial<RowQuery>) =>
  (await period.rows(a, { limit: 100, ...query })).map(({ ix }) => ix);

/** Entries are found by what was said of them. */
export const segmentRowCases: readonly SegmentsCase[] = [
  onSegments('rows are found by tags and time, in the order of time', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    await period.commit({
      logs: [stepOf(a, 0, 5, { rows }), stepOf(logIn('group-2'), 0, 1, { rows: [row(0, 50)] })],
    });
    assert.deepEqual(await period.rows(a, { limit: 1, tags: { actor: 4_294_967_295 } }), [rows[1]]);
    assert.deepEqual(await found(period, {}), [1, 3, 2, 4]);
    assert.deepEqual(await found(period, { descending: true }), [4, 2, 3, 1]);
    assert.deepEqual(await found(period, { tags: { act: 7 } }), [1, 2, 4]);
    assert.deepEqual(await found(period, { tags: { act: 7, actor: 1 } }), [1]);
    assert.deepEqual(await found(period, { tags: { actor: 2 } }), []);
    assert.deepEqual(await found(period, { sinceMs: 200, untilMs: 300 }), [3]);
    assert.deepEqual(await period.rows(logIn('nobody'), { limit: 9 }), []);
  }),
  onSegments('pages join without a gap, both ways', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    await period.commit({ logs: [stepOf(a, 0, 5, { rows })] });
    for (const descending of [false, true]) {
      const seen: number[] = [];
      for (let after: IndexRow | undefined; ;) {
        const [next] = await period.rows(a, { limit: 1, descending, ...(after && { after }) });
        if (next === undefined) break;
        seen.push(next.ix);
        after = next;
      }
      assert.deepEqual(seen, descending ? [4, 2, 3, 1] : [1, 3, 2, 4]);
    }
  }),
  onSegments('an id that is no UUID is kept as it is', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const odd = { ...row(0, 1), id: 'e1' };
    await period.commit({ logs: [stepOf(a, 0, 1, { rows: [odd] })] });
    assert.deepEqual(await period.rows(a, { limit: 1 }), [odd]);
  }),
];
