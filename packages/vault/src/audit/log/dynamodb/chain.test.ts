import assert from 'node:assert/strict';
import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { describe, it } from 'vitest';
import { openFaultProxy, type FaultProxy } from '../../../testing/dynamodb-faults.ts';
import { testService } from '../../../testing/test-service.ts';
import { hashOf, headOf, logIn, sliceFrom, stepOf, throughEntry } from '../contract/segments-case.ts';
import type { LogStep, Segments } from '../segments.ts';
import { freshSegments, logTables } from './fixtures/log-tables.ts';

// What happens to a step whose process dies, sleeps, or loses.

const dynamodb = await testService('dynamodb');
const a = logIn('group-1');
const nowMs = Date.UTC(2026, 10, 20);

interface Bench {
  /** Reaches the database. */
  readonly other: Segments;
  /** Reaches it through the proxy. */
  readonly first: Segments;
  readonly proxy: FaultProxy;
  scan(begins: string): Promise<Record<string, string | undefined>[]>;
}

async function onBench(work: (bench: Bench) => Promise<void>): Promise<void> {
  const local = await logTables(dynamodb!);
  const fresh = await freshSegments(local, dynamodb!);
  const proxy = await openFaultProxy(dynamodb!);
  const first = fresh.open(() => nowMs, proxy.url);
  // It comes later, when nobody can be at it any more.
  const other = fresh.open(() => nowMs + 60_000);
  try {
    await other.begin('202611', []);
    await work({
      other,
      first,
      proxy,
      async scan(begins) {
        const TableName = `${fresh.tablePrefix}audit_segments`;
        const { Items = [] } = await local.client.send(new ScanCommand({ TableName, ConsistentRead: true }));
        return Items.map(({ part, place, ttl }) => ({ part: part?.S, place: place?.S, ttl: ttl?.N })).filter(
          ({ part, place }) => `${part} ${place}`.includes(begins),
        );
      },
    });
  } finally {
    await Promise.all([other.close(), first.close()]);
    await proxy.close();
    await fresh.remove();
    local.close();
  }
}

/** A step that touches everything a step can. */
function wholeStep(from: number, count: number, n: number) {
  const nodes = [{ level: 1, index: n - 1, hash: hashOf(n) }];
  const rows = [{ ix: from, id: `e${n}`, ts: n, tags: { act: n }, flags: 2 }];
  const hold = [{ scope: 'x', sealed: hashOf(n) }];
  const through = { before: n - 1, to: throughEntry(n) };
  return { logs: [stepOf(a, from, count, { nodes, rows })], hold, through };
}

/** From the request on that comes after so many, nothing is answered; that one is carried out. @returns whether it came to that */
function dieAfter(proxy: FaultProxy, requests: number): () => boolean {
  let died = false;
  proxy.plan(({ count }) => {
    died ||= count > requests;
    return died ? { fault: 'reset' } : undefined;
  });
  return () => died;
}

/** Everything stands once, as after two whole steps. */
async function assertBoth(segments: Segments): Promise<void> {
  const period = await segments.period('202611');
  assert.deepEqual(await period.slices(a, 0, 9), [sliceFrom(0, 3), sliceFrom(3, 2)]);
  assert.deepEqual(
    (await period.logs(['group-1'])).map(({ size }) => size),
    [5],
  );
  assert.deepEqual(await period.through('w1'), throughEntry(2));
  assert.deepEqual(
    (await period.held('x', 9)).map(({ sealed }) => sealed),
    [hashOf(1), hashOf(2)],
  );
  assert.deepEqual(
    (await period.rows(a, { limit: 9 })).map(({ id }) => id),
    ['e1', 'e2'],
  );
  assert.equal((await period.tile(a, 1, 0))!.length, 64);
}

describe.skipIf(dynamodb === undefined)('segments on DynamoDB, each a step', () => {
  it('a step whose process died once its segment lay there is carried out by the next who looks', async () => {
    await onBench(async ({ other, first, proxy }) => {
      const period = await first.period('202611');
      let dead = false;
      proxy.plan(({ operation, body }) => {
        if (dead) return { fault: 'reset' };
        dead = operation === 'PutItem' && body.includes('"segment#');
        return undefined;
      });
      await assert.rejects(period.commit(wholeStep(0, 3, 1)), { code: 'store_unavailable' });
      const second = await other.period('202611');
      assert.equal(await second.commit(wholeStep(0, 3, 1)), false, 'it happened already');
      assert.equal(await second.commit(wholeStep(3, 2, 2)), true);
      await assertBoth(other);
    });
  });

  it('wherever a process dies on its way, the step happens once', { timeout: 120_000 }, async () => {
    await onBench(async ({ other, first, proxy }) => {
      const [period, second] = [await first.period('202611'), await other.period('202611')];
      const ends: string[] = [];
      for (let requests = 0; ends.at(-1) !== 'lived'; requests += 1) {
        const [log, w] = [logIn(`group-${requests}`), `w${requests}`];
        const rows = [{ ix: 1, id: 'e', ts: 1, tags: {}, flags: 2 }];
        const nodes = [{ level: 1, index: 0, hash: hashOf(1) }];
        const hold = [{ scope: `x${requests}`, sealed: hashOf(2) }];
        const step = {
          logs: [stepOf(log, 0, 3, { nodes, rows })],
          hold,
          through: { before: 0, to: throughEntry(3, w) },
        };
        const died = dieAfter(proxy, requests);
        await period.commit(step).catch(() => undefined);
        const happened = (await second.through(w)) !== undefined;
        ends.push(died() ? (happened ? 'committed' : 'nothing') : 'lived');
        assert.equal(await second.commit(step), !happened);
        assert.deepEqual(await second.slices(log, 0, 9), [sliceFrom(0, 3)]);
        assert.deepEqual((await second.rows(log, { limit: 9 })).length, 1);
        assert.deepEqual(await second.tile(log, 1, 0), hashOf(1));
        assert.deepEqual((await second.held(`x${requests}`, 9)).length, 1);
        assert.deepEqual(
          (await second.logs([log.scope])).map(({ size }) => size),
          [3],
        );
      }
      const [nothing, committed] = ['nothing', 'committed'].map(
        (end) => ends.filter((each) => each === end).length,
      );
      assert.ok(nothing! > 3 && committed! > 3, ends.join());
      assert.ok(ends.lastIndexOf('nothing') < ends.indexOf('committed'), ends.join());
    });
  });

  it('a step whose process died before that never happened, and its block ends by itself', async () => {
    await onBench(async ({ other, first, proxy, scan }) => {
      const period = await first.period('202611');
      proxy.plan(({ operation, body }) =>
        operation === 'PutItem' && body.includes('"segment#') ? { fault: 'reset' } : undefined,
      );
      await assert.rejects(period.commit(wholeStep(0, 3, 1)), { code: 'store_unavailable' });
      const second = await other.period('202611');
      assert.deepEqual(await second.logs(), []);
      assert.equal(await second.through('w1'), undefined);
      assert.equal(await second.commit(wholeStep(0, 3, 1)), true);
      assert.equal(await second.commit(wholeStep(3, 2, 2)), true);
      await assertBoth(other);
      const blocks = await scan('B#');
      assert.equal(blocks.length, 4, 'of the beginning, of what never happened, and of both steps');
      assert.ok(blocks.every(({ ttl }) => Number(ttl) > nowMs / 1000 + 86_400));
      const kept = (await scan('')).filter(({ part }) => !part!.startsWith('B#'));
      assert.ok(kept.length > 8 && kept.every(({ ttl }) => ttl === undefined), 'nothing else ends');
    });
  });

  it('one that wakes up when others have long gone on changes nothing', async () => {
    await onBench(async ({ other, first, proxy, scan }) => {
      const period = await first.period('202611');
      const second = await other.period('202611');
      await second.commit(wholeStep(0, 3, 1));
      let slept = false;
      proxy.plan(({ operation }) => {
        // Of what its segment says some is done, then others do it all and go on; then it does everything again.
        if (slept || operation !== 'BatchWriteItem') return undefined;
        slept = true;
        return {
          fault: 'lost answer',
          async meanwhile() {
            const lines = await second.held('x', 9);
            assert.deepEqual(
              lines.map(({ sealed }) => sealed),
              [hashOf(1), hashOf(2)],
            );
            await second.commit({ logs: [], release: [{ scope: 'x', seq: lines[1]!.seq }] });
            const slices = [sliceFrom(0, 256)];
            await second.commit({
              logs: [stepOf(a, 5, 251, { slices })],
              through: { before: 2, to: throughEntry(3) },
            });
            assert.equal((await scan('slice#')).length, 1);
          },
        };
      });
      assert.equal(await period.commit(wholeStep(3, 2, 2)), true);
      assert.ok(slept);
      assert.equal((await scan('slice#')).length, 2, 'what was removed has come back');
      for (const each of [period, second]) {
        assert.deepEqual(await each.slices(a, 0, 9), [sliceFrom(0, 256)]);
        assert.deepEqual(await each.slices(a, 4, 1), [sliceFrom(0, 256)]);
        assert.deepEqual(
          (await each.logs(['group-1'])).map(({ size }) => size),
          [256],
        );
        assert.deepEqual(await each.through('w1'), throughEntry(3));
        assert.deepEqual(await each.heldScopes(), []);
        assert.deepEqual(
          (await each.rows(a, { limit: 9 })).map(({ id }) => id),
          ['e1', 'e2'],
        );
      }
    });
  });

  it('nothing can be added to a month behind which another has begun, also by one who saw it open', async () => {
    await onBench(async ({ other, first }) => {
      const late = await first.period('202611');
      const november = await other.period('202611');
      await november.commit({ logs: [stepOf(a, 0, 3, { head: headOf(3, true) })] });
      await other.begin('202612', [{ ...a, size: 3, root: hashOf(1) }]);
      assert.equal(await late.commit({ logs: [stepOf(logIn('group-2'), 0, 1)] }), false);
      assert.equal(await late.commit({ logs: [], through: { before: 0, to: throughEntry(1) } }), false);
      assert.deepEqual(
        (await late.logs()).map(({ scope }) => scope),
        ['group-1'],
      );
    });
  });

  it('a month does not begin while a log is there whose end nobody gave', async () => {
    await onBench(async ({ other, first }) => {
      await (
        await first.period('202611')
      ).commit({ logs: [stepOf(a, 0, 3), stepOf(logIn('group-2'), 0, 1)] });
      await assert.rejects(other.begin('202612', [{ ...a, size: 3, root: hashOf(1) }]), {
        code: 'store_unavailable',
      });
      assert.deepEqual(await first.periods(), ['202611']);
    });
  });

  it('a month whose beginning was left half-way has begun, with all it takes over', async () => {
    await onBench(async ({ other, first, proxy }) => {
      await (await other.period('202611')).commit(wholeStep(0, 3, 1));
      let dead = false;
      proxy.plan(({ operation, body }) => {
        if (dead) return { fault: 'reset' };
        dead = operation === 'PutItem' && body.includes('"segment#');
        return undefined;
      });
      const end = { ...a, size: 3, root: hashOf(4) };
      await assert.rejects(first.begin('202612', [end]), { code: 'store_unavailable' });
      assert.deepEqual(await other.periods(), ['202611', '202612']);
      const december = await other.period('202612');
      assert.deepEqual(await december.endBefore('group-1'), end);
      assert.deepEqual(await december.through('w1'), throughEntry(1));
      assert.equal((await december.held('x', 9)).length, 1);
    });
  });

  it('one of eight that add at the same size is told that it did, and the others that they did not', async () => {
    await onBench(async ({ other }) => {
      const period = await other.period('202611');
      const told = await Promise.all(
        Array.from({ length: 8 }, (_, at) => period.commit({ logs: [stepOf(a, 0, at + 1)] })),
      );
      assert.equal(told.filter(Boolean).length, 1);
      assert.equal((await period.logs())[0]?.size, told.indexOf(true) + 1);
      const others = await Promise.all(
        Array.from({ length: 8 }, (_, at) => period.commit({ logs: [stepOf(logIn(`group-2${at}`), 0, 1)] })),
      );
      assert.deepEqual(
        others,
        others.map(() => true),
        'those of different logs do not keep each other from it',
      );
    });
  });

  it('leaves and bodies larger than an item lie in pieces, and a whole month can be removed', async () => {
    await onBench(async ({ other, scan }) => {
      const period = await other.period('202611');
      const leaves = Array.from({ length: 255 }, (_, at) => `${at} ${'ü'.repeat(2000)}`);
      const bodies = Uint8Array.from({ length: 900_000 }, (_, at) => at % 251);
      const step: LogStep = stepOf(a, 0, 255, { slices: [{ first: 0, leaves, bodies }] });
      assert.equal(await period.commit({ logs: [step] }), true);
      assert.deepEqual(await period.slices(a, 17, 1), [{ first: 0, leaves, bodies }]);
      await other.begin('202612', [{ ...a, size: 255, root: hashOf(1) }]);
      assert.equal(await other.drop('202611'), true);
      assert.deepEqual(await scan('#202611'), []);
      assert.deepEqual(await other.periods(), ['202612']);
    });
  });
});
