import fc from 'fast-check';
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { openBodies } from './bodies.ts';
import type { LogEvent } from './events.ts';
import { emptyLog, grown, rootAt, rootOf } from './grow-log.ts';
import type { LogHead, LogName, Period } from './segments.ts';
import { sqliteSegments } from './sqlite/segments.ts';

const sealer = oneKeySealer();
const event = (n: number): LogEvent => ({
  leaf: `leaf ${n} ü`,
  body: n % 7 === 0 ? '' : `body ${n}`,
  row: undefined,
});

/** RFC 6962 §2.1, as it is written there. */
function rootByDefinition(leaves: readonly string[]): Buffer {
  if (leaves.length === 1) return hash('sha256', Buffer.from(`\0${leaves[0]}`), 'buffer');
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const both = [rootByDefinition(leaves.slice(0, half)), rootByDefinition(leaves.slice(half))];
  return hash('sha256', Buffer.concat([Buffer.of(1), ...both]), 'buffer');
}

async function onPeriod(work: (period: Period) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-grow-'));
  const segments = sqliteSegments({ directory: join(folder, 'audit'), rootFile: join(folder, 'root.db') });
  await work(await segments.begin('202611', []));
  await segments.close();
  await rm(folder, { recursive: true });
}

async function grow(period: Period, log: LogName, before: LogHead, count: number): Promise<LogHead> {
  const events = Array.from({ length: count }, (_, at) => event(before.size + at));
  const step = await grown({ reads: period, sealer }, log, before, { events });
  assert.equal(await period.commit({ logs: [step] }), true);
  return step.head;
}

async function holds(period: Period, log: LogName, head: LogHead): Promise<void> {
  const slices = await period.slices(log, 0, 100_000);
  const leaves = slices.flatMap((slice) => slice.leaves);
  assert.deepEqual(
    leaves,
    Array.from({ length: head.size }, (_, n) => event(n).leaf),
  );
  assert.deepEqual(Buffer.from(rootOf(head)), rootByDefinition(leaves));
  for (const slice of slices) {
    const bodies = await openBodies(sealer, log, slice);
    assert.deepEqual(
      bodies,
      bodies.map((_, at) => event(slice.first + at).body),
    );
  }
}

test(
  'however a log grew, its leaves, bodies and roots are those of all its events in order',
  { timeout: 60_000 },
  async () => {
    await onPeriod(async (period) => {
      let turn = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 6 }),
          async (counts) => {
            const log = { scope: `g${(turn += 1)}`, shard: '202611' };
            let head: LogHead = emptyLog;
            for (const count of counts) {
              const before = head;
              head = await grow(period, log, before, count);
              if (before.size > 0) assert.deepEqual(await rootAt(period, log, before.size), rootOf(before));
            }
            await holds(period, log, head);
            const slices = await period.slices(log, 0, 100_000);
            assert.equal(
              slices.filter(({ leaves }) => leaves.length === 256).length,
              Math.floor(head.size / 256),
            );
            assert.equal(await rootAt(period, log, head.size + 1), undefined);
          },
        ),
        { numRuns: 25 },
      );
    });
  },
);

test('a tile of level 1 that is full goes up to level 2', { timeout: 60_000 }, async () => {
  await onPeriod(async (period) => {
    const log = { scope: 'g', shard: '202611' };
    let head: LogHead = emptyLog;
    for (const count of [65_000, 535, 3, 65_536]) head = await grow(period, log, head, count);
    assert.equal((await period.tile(log, 1, 0))!.length, 256 * 32);
    assert.equal((await period.tile(log, 1, 1))!.length, 256 * 32);
    assert.equal((await period.tile(log, 2, 0))!.length, 2 * 32);
    const first = Array.from({ length: 65_536 }, (_, n) => event(n).leaf);
    assert.deepEqual(Buffer.from((await period.tile(log, 2, 0))!.subarray(0, 32)), rootByDefinition(first));
    assert.deepEqual(Buffer.from((await rootAt(period, log, 65_536))!), rootByDefinition(first));
    assert.deepEqual(await rootAt(period, log, head.size), rootOf(head));
  });
});
