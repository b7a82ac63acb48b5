import assert from 'node:assert/strict';
import type { CountQuery, IndexRow, Period, RowCount, RowQuery } from '../segments.ts';
import { logIn, onSegments, sliceFrom, stepOf, type SegmentsCase } from './segments-case.ts';

const a = logIn('group-1');
const row = (ix: number, ts: number, tags: IndexRow['tags'] = {}): IndexRow => {
  const id = `01932b6e-7a55-7cc3-98c4-${String(ix).padStart(12, '0')}`;
  return { ix, ts, id, tags, flags: 2 };
};
// Entries of several writers need not come in the order of time.
const rows = [
  row(1, 100, { act: 7, actor: 1 }),
  row(2, 300, { act: 7, actor: 4_294_967_295 }),
  row(3, 200, { act: 8 }),
  row(4, 300, { act: 7 }),
];

const counted = { below: 100, flags: 2, openFlags: 4, without: 0, counted: 64 };
const byTag = (counts: readonly RowCount[]) =>
  counts.toSorted((one, other) => (one.tags[0] ?? -1) - (other.tags[0] ?? -1));

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
  onSegments('an attempt learns what came of it, and is found by it', async ({ segments, reopen }) => {
    const period = await segments.begin('202611', []);
    const whole = { ...row(0, 90, { act: 7, out: 5 }), flags: 2 + 128, end: { ix: 1, ts: 95 } };
    const open = { ...row(2, 100, { act: 7 }), flags: 2 + 64 + 128 };
    const outcome = { ...row(1, 95), flags: 0 };
    await period.commit({ logs: [stepOf(a, 0, 3, { rows: [whole, outcome, open] })] });
    assert.deepEqual(await period.rows(a, { limit: 9, tags: { act: 7 } }), [whole, open]);
    const late = { ...row(3, 130), flags: 0 };
    const ended = {
      attempt: { ts: 100, ix: 2 },
      end: { ix: 3, ts: 130 },
      tags: { out: 6, code: 9 },
      flags: 2,
    };
    await period.commit({ logs: [stepOf(a, 3, 1, { rows: [late], ended: [ended] })] });
    const again = await (await reopen()).period('202611');
    const learned = { ...open, tags: { act: 7, out: 6, code: 9 }, flags: 2, end: { ix: 3, ts: 130 } };
    for (const descending of [false, true])
      assert.deepEqual(await again.rows(a, { limit: 9, descending, tags: { code: 9 } }), [learned]);
    assert.deepEqual(await again.rows(a, { limit: 9, flags: 128 }), [whole]);
    assert.deepEqual(await again.rows(a, { limit: 9, flags: 2 }), [whole, learned]);
    assert.deepEqual(await again.rows(a, { limit: 9, id: late.id }), [late]);
    assert.deepEqual(await again.rows(a, { limit: 9, id: late.id, sinceMs: 131 }), []);
  }),
  onSegments('outcomes whose attempts stand elsewhere are found by that', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const caused = { ...row(1, 20), flags: 0, cause: '01932b6e-7a55-7cc3-98c4-dc0c0c073990' };
    const other = { ...row(3, 10), flags: 0, cause: 'no uuid' };
    await period.commit({ logs: [stepOf(a, 0, 5, { rows: [row(0, 5), caused, other] })] });
    assert.deepEqual(await period.rows(a, { limit: 9, caused: true }), [other, caused]);
    assert.deepEqual(await period.rows(a, { limit: 9, caused: true, sinceMs: 11 }), [caused]);
    assert.deepEqual(await found(period, {}), [0, 3, 1]);
  }),
  onSegments('rows are counted by a tag', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const given: IndexRow[] = [
      { ...row(0, 10, { svc: 1 }), end: { ix: 9, ts: 11 } },
      { ...row(1, 20, { svc: 1 }), flags: 2 + 64, end: { ix: 9, ts: 21 } },
      // Not ended: it counts with the bits that it has by itself.
      { ...row(2, 30, { svc: 2 }), flags: 2 + 4 + 64 },
      { ...row(3, 40, { svc: 2 }), flags: 2 + 64 },
      { ...row(4, 50), end: { ix: 9, ts: 51 } },
      { ...row(5, 60, { svc: 3 }), flags: 2 + 8, end: { ix: 9, ts: 61 } },
      { ...row(6, 70), flags: 0 },
    ];
    await period.commit({ logs: [stepOf(a, 0, 10, { rows: given })] });
    const counts = async (query: Partial<CountQuery>) =>
      byTag(await period.counts(a, { ...counted, ...query }, ['svc']));
    assert.deepEqual(await counts({ without: 8 }), [
      { tags: [undefined], rows: 1, counted: 0, last: { ts: 50, ix: 4 } },
      { tags: [1], rows: 2, counted: 1, last: { ts: 20, ix: 1 } },
      { tags: [2], rows: 1, counted: 0, last: { ts: 30, ix: 2 } },
    ]);
    assert.deepEqual(await counts({ flags: 2 + 8 }), [
      { tags: [3], rows: 1, counted: 0, last: { ts: 60, ix: 5 } },
    ]);
    assert.deepEqual(await counts({ below: 1 }), [
      { tags: [1], rows: 1, counted: 0, last: { ts: 10, ix: 0 } },
    ]);
    assert.deepEqual(await counts({ sinceMs: 20, untilMs: 21 }), [
      { tags: [1], rows: 1, counted: 1, last: { ts: 20, ix: 1 } },
    ]);
    assert.deepEqual(await period.counts(logIn('nobody'), counted, ['svc']), []);
  }),
  onSegments('rows are counted by several tags at once', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const ended = (ix: number, tags: IndexRow['tags']) => ({ ...row(ix, ix, tags), end: { ix: 9, ts: 90 } });
    const given = [ended(0, { act: 1, svc: 4_000_000_000 }), ended(1, { act: 1 }), ended(2, { act: 2 })];
    const same = ended(3, { act: 1, svc: 4_000_000_000 });
    await period.commit({ logs: [stepOf(a, 0, 10, { rows: [...given, same] })] });
    const counts = await period.counts(a, { ...counted, counted: 0 }, ['act', 'svc']);
    assert.deepEqual(
      counts.toSorted((one, other) => one.last.ix - other.last.ix),
      [
        { tags: [1, undefined], rows: 1, counted: 1, last: { ts: 1, ix: 1 } },
        { tags: [2, undefined], rows: 1, counted: 1, last: { ts: 2, ix: 2 } },
        { tags: [1, 4_000_000_000], rows: 2, counted: 2, last: { ts: 3, ix: 3 } },
      ],
    );
  }),
  onSegments('tags that are not wanted may be left out, and those that are stay', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    await period.commit({ logs: [stepOf(a, 0, 1, { rows: [row(0, 1, { act: 7, svc: 3_000_000_000 })] })] });
    const [found] = await period.rows(a, { limit: 1, tagsWanted: ['svc'] });
    assert.equal(found?.tags.svc, 3_000_000_000);
  }),
  onSegments('the slice with a leaf has it, and its bodies', async ({ segments, reopen }) => {
    const period = await segments.begin('202611', []);
    await period.commit({ logs: [stepOf(a, 0, 3)] });
    const grown = { slices: [sliceFrom(0, 256), sliceFrom(256, 40)] };
    await period.commit({ logs: [stepOf(a, 3, 293, grown)] });
    const again = await (await reopen()).period('202611');
    for (const [ix, whole] of [0, 1, 31, 32, 255, 256, 295].map(
      (at) => [at, sliceFrom(at < 256 ? 0 : 256, at < 256 ? 256 : 40)] as const,
    )) {
      const { first, leaves, bodies } = (await again.sliceWith(a, ix))!;
      assert.deepEqual([first, leaves.count, bodies], [whole.first, whole.leaves.length, whole.bodies]);
      assert.equal(leaves.at(ix - first), whole.leaves[ix - first]);
      assert.deepEqual(leaves.all(), whole.leaves);
    }
    assert.equal(await again.sliceWith(a, 296), undefined);
    assert.equal(await again.sliceWith(logIn('nobody'), 0), undefined);
  }),
  onSegments('an id that is no UUID is kept as it is', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const odd = { ...row(0, 1), id: 'e1' };
    await period.commit({ logs: [stepOf(a, 0, 1, { rows: [odd] })] });
    assert.deepEqual(await period.rows(a, { limit: 1 }), [odd]);
  }),
];
