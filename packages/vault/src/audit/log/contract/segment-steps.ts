import assert from 'node:assert/strict';
import type { Period } from '../segments.ts';
import {
  headOf,
  hashOf,
  logIn,
  onSegments,
  sliceFrom,
  stepOf,
  throughEntry,
  type SegmentsCase,
} from './segments-case.ts';

const a = logIn('group-1');
const b = logIn('group 2/ü');

const leavesOf = async (period: Period, from: number, limit = 1000) =>
  (await period.slices(a, from, limit)).flatMap(({ leaves }) => leaves);

/** A step happens at once or not at all. */
export const segmentStepCases: readonly SegmentsCase[] = [
  onSegments('what is committed is read back, also after a restart', async ({ segments, reopen }) => {
    const period = await segments.begin('202611', []);
    assert.deepEqual(await period.logs(), []);
    assert.equal(await period.commit({ logs: [stepOf(a, 0, 3), stepOf(b, 0, 1)] }), true);
    assert.equal(await period.commit({ logs: [stepOf(a, 3, 2)] }), true);
    await period.flush();
    const again = await (await reopen()).period('202611');
    assert.deepEqual(await again.slices(a, 0, 9), [sliceFrom(0, 3), sliceFrom(3, 2)]);
    assert.deepEqual(await again.slices(a, 4, 9), [sliceFrom(3, 2)]);
    assert.deepEqual(await again.slices(a, 0, 1), [sliceFrom(0, 3)]);
    assert.deepEqual(await again.slices(a, 5, 9), [], 'none holds the leaf that comes next');
    assert.deepEqual(await again.slices(logIn('nobody'), 0, 9), []);
    const stored = { ...a, ...headOf(5), note: undefined, notedSize: 0 };
    assert.deepEqual(await again.logs(['group-1']), [stored]);
    assert.deepEqual(
      (await again.logs()).map(({ scope }) => scope),
      ['group-1', 'group 2/ü'],
    );
  }),
  onSegments(
    'a step is refused as a whole when a log has moved, and leaves nothing',
    async ({ segments }) => {
      const period = await segments.begin('202611', []);
      assert.equal(await period.commit({ logs: [stepOf(a, 0, 2)] }), true);
      const late = { logs: [stepOf(b, 0, 1), stepOf(a, 0, 1)], hold: [{ scope: 'x', sealed: hashOf(1) }] };
      assert.equal(await period.commit({ ...late, through: { before: 0, to: throughEntry(9) } }), false);
      assert.deepEqual(await period.logs(['group 2/ü']), []);
      assert.equal(await period.through('w1'), undefined);
      assert.deepEqual(await period.heldScopes(), []);
      assert.equal((await leavesOf(period, 0)).length, 2);
    },
  ),
  onSegments('nothing follows in a closed log', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    assert.equal(await period.commit({ logs: [stepOf(a, 0, 2, { head: headOf(2, true) })] }), true);
    assert.equal(await period.commit({ logs: [stepOf(a, 2, 1)] }), false);
  }),
  onSegments('of two that seal the same entries one is refused', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    assert.equal(await period.commit({ logs: [], through: { before: 0, to: throughEntry(5) } }), true);
    assert.equal(
      await period.commit({ logs: [stepOf(a, 0, 1)], through: { before: 0, to: throughEntry(5) } }),
      false,
    );
    assert.equal(await period.commit({ logs: [], through: { before: 5, to: throughEntry(7) } }), true);
    assert.equal(await period.commit({ logs: [], through: { before: 0, to: throughEntry(3, 'w2') } }), true);
    assert.deepEqual(await period.through('w1'), throughEntry(7));
    assert.deepEqual(await period.through('w2'), throughEntry(3, 'w2'));
    const all = (await period.throughs()).toSorted((one, other) => (one.writer < other.writer ? -1 : 1));
    assert.deepEqual(all, [throughEntry(7), throughEntry(3, 'w2')]);
    assert.deepEqual(await period.logs(), []);
  }),
  onSegments('a block takes the place of its slices, and of no others', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    await period.commit({ logs: [stepOf(a, 0, 256)] });
    await period.commit({ logs: [stepOf(a, 256, 200)] });
    await period.commit({ logs: [stepOf(a, 456, 50)] });
    const slices = [sliceFrom(256, 256), sliceFrom(512, 4)];
    await period.commit({ logs: [stepOf(a, 506, 10, { slices })] });
    assert.deepEqual(
      (await period.slices(a, 0, 9)).map(({ first, leaves }) => [first, leaves.length]),
      [
        [0, 256],
        [256, 256],
        [512, 4],
      ],
    );
    assert.deepEqual(await period.slices(a, 300, 1), [sliceFrom(256, 256)]);
    assert.deepEqual(await leavesOf(period, 512), sliceFrom(512, 4).leaves);
  }),
  onSegments('hashes of a tile stand one behind the other', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const nodes = Array.from({ length: 257 }, (_, index) => ({ level: 1, index, hash: hashOf(index) }));
    await period.commit({ logs: [stepOf(a, 0, 1, { nodes: nodes.slice(0, 100) })] });
    await period.commit({
      logs: [stepOf(a, 1, 1, { nodes: [...nodes.slice(100), { level: 2, index: 0, hash: hashOf(5) }] })],
    });
    const whole = Buffer.concat(nodes.slice(0, 256).map(({ hash }) => hash));
    assert.deepEqual(Buffer.from((await period.tile(a, 1, 0))!), whole);
    assert.deepEqual(await period.tile(a, 1, 1), hashOf(256));
    assert.deepEqual(await period.tile(a, 2, 0), hashOf(5));
    assert.equal(await period.tile(a, 1, 2), undefined);
    assert.equal(await period.tile(b, 1, 0), undefined);
  }),
  onSegments('lines are held in their order until they are released', async ({ segments }) => {
    const period = await segments.begin('202611', []);
    const hold = [3, 1, 2].map((n) => ({ scope: 'group-1', sealed: hashOf(n) }));
    await period.commit({ logs: [], hold: [...hold, { scope: 'x', sealed: hashOf(9) }] });
    assert.deepEqual(await period.heldScopes(), ['group-1', 'x']);
    const held = await period.held('group-1', 2);
    assert.deepEqual(
      held.map(({ sealed }) => sealed),
      [hashOf(3), hashOf(1)],
    );
    await period.commit({ logs: [], release: [{ scope: 'group-1', seq: held[1]!.seq }] });
    assert.deepEqual(
      (await period.held('group-1', 9)).map(({ sealed }) => sealed),
      [hashOf(2)],
    );
    assert.equal((await period.held('x', 9)).length, 1);
  }),
];
