import assert from 'node:assert/strict';
import { hashOf, logIn, onSegments, stepOf, throughEntry, type SegmentsCase } from './segments-case.ts';

const a = logIn('group-1');

/** Months follow each other, and the root log outlives them. */
export const segmentMonthCases: readonly SegmentsCase[] = [
  onSegments('a month takes over what the one before has come to', async ({ segments, reopen }) => {
    const november = await segments.begin('202611', []);
    const step = { logs: [stepOf(a, 0, 1)], hold: [{ scope: 'x', sealed: hashOf(7) }] };
    await november.commit({ ...step, through: { before: 0, to: throughEntry(4) } });
    const end = { ...a, size: 1, root: hashOf(1) };
    await segments.begin('202612', [end]);
    await segments.begin('202701', [{ scope: 'group-2', shard: '202612', size: 2, root: hashOf(2) }]);
    const again = await reopen();
    assert.deepEqual(await again.periods(), ['202611', '202612', '202701']);
    const january = await again.period('202701');
    assert.deepEqual(await january.logs(), []);
    assert.deepEqual(await january.endBefore('group-1'), end);
    assert.equal((await january.endBefore('group-2'))?.shard, '202612');
    assert.equal(await january.endBefore('group-3'), undefined);
    assert.deepEqual(await january.through('w1'), throughEntry(4));
    assert.deepEqual(
      (await january.held('x', 9)).map(({ sealed }) => sealed),
      [hashOf(7)],
    );
  }),
  onSegments('what it is told from others by stays the same', async ({ segments, reopen }) => {
    const marks = await Promise.all([segments.mark(), segments.mark()]);
    assert.match(marks[0], /^[0-9a-f]{12}$/);
    assert.deepEqual([...marks, await (await reopen()).mark()], [marks[0], marks[0], marks[0]]);
  }),
  onSegments('a month begins once, behind the others', async ({ segments }) => {
    const december = await segments.begin('202612', []);
    await december.commit({ logs: [stepOf(logIn('g', '202612'), 0, 1)] });
    assert.equal((await (await segments.begin('202612', [])).logs()).length, 1);
    await assert.rejects(segments.begin('202611', []), { code: 'item_invalid' });
    await assert.rejects(segments.begin('../x', []), { code: 'item_invalid' });
    await assert.rejects(segments.period('202611'), { code: 'store_unavailable' });
  }),
  onSegments('the oldest month can be dropped, and no other', async ({ segments, reopen }) => {
    for (const name of ['202610', '202611', '202612']) await segments.begin(name, []);
    assert.equal(await segments.drop('202611'), false);
    assert.equal(await segments.drop('202610'), true);
    assert.deepEqual(await segments.periods(), ['202611', '202612']);
    assert.equal(await segments.drop('202611'), true);
    assert.equal(await segments.drop('202612'), false, 'the newest stays');
    assert.deepEqual(await (await reopen()).periods(), ['202612']);
  }),
  onSegments('with a month goes what was stated of its logs, and of no others', async ({ segments }) => {
    for (const name of ['202610', '202611']) await segments.begin(name, []);
    const origins = ['d/audit/g/202610', 'd/audit/g/202610-2', 'd/audit/g/202611', 'd/audit/202610-2/202611'];
    const { log: _, rows: __, ...step } = stepOf(a, 0, 1);
    const stated = origins.map((origin) => ({ origin, size: 1, root: hashOf(1) }));
    await segments.root.publish(step, stated, 'note');
    await segments.drop('202610');
    const left = await Promise.all(origins.map((origin) => segments.root.stated(origin)));
    assert.deepEqual(
      left.map((each) => each?.origin),
      [undefined, undefined, ...origins.slice(2)],
    );
  }),
  onSegments('checkpoints are kept, and what grew since is found', async ({ segments, reopen }) => {
    const period = await segments.begin('202611', []);
    const other = logIn('group-2');
    await period.commit({ logs: [stepOf(a, 0, 3), stepOf(other, 0, 1)] });
    assert.deepEqual(
      (await period.unnoted(9)).map(({ scope }) => scope),
      ['group-1', 'group-2'],
    );
    assert.equal((await period.unnoted(1)).length, 1);
    await period.note([{ ...a, size: 3, note: 'signed' }]);
    assert.deepEqual(
      (await period.unnoted(9)).map(({ scope }) => scope),
      ['group-2'],
    );
    await period.commit({ logs: [stepOf(a, 3, 1)] });
    const again = await (await reopen()).period('202611');
    const [grown] = await again.unnoted(9);
    assert.deepEqual([grown?.scope, grown?.note, grown?.notedSize, grown?.size], ['group-1', 'signed', 3, 4]);
  }),
  onSegments('the root log grows with what it states, or not at all', async ({ segments, reopen }) => {
    const { root } = segments;
    assert.deepEqual(await root.head(), {
      size: 0,
      frontier: [],
      closed: false,
      note: undefined,
      notedSize: 0,
    });
    const { log: _, rows: __, ...step } = stepOf(a, 0, 2);
    const stated = [{ origin: 'o/1', size: 5, root: hashOf(5) }];
    assert.equal(await root.publish(step, stated, 'note 1'), true);
    assert.equal(await root.publish(step, [{ ...stated[0]!, size: 6 }], 'note 2'), false);
    const again = (await reopen()).root;
    assert.deepEqual(await again.stated('o/1'), stated[0]);
    assert.equal(await again.stated('o/2'), undefined);
    const head = await again.head();
    assert.deepEqual([head.size, head.note, head.notedSize], [2, 'note 1', 2]);
    assert.equal((await again.slices({ scope: '', shard: 'root' }, 0, 9)).length, 1);
  }),
  onSegments('a secret is kept once, until it is removed', async ({ segments, reopen }) => {
    await segments.secrets.add('g', hashOf(1));
    await segments.secrets.add('g', hashOf(2));
    const { secrets } = await reopen();
    assert.deepEqual(await secrets.get('g'), hashOf(1));
    await secrets.remove('g');
    assert.equal(await secrets.get('g'), undefined);
  }),
];
