import assert from 'node:assert/strict';
import { bytesOf, onRecords, type RecordsCase } from './records-case.ts';

const hourMs = 3_600_000;

/** A record ends at its millisecond, for every call. */
export const recordEndCases: readonly RecordsCase[] = [
  onRecords(
    'a record is there before its end and absent from that millisecond on',
    async ({ records, clock, settle }) => {
      // Not at a whole second: stores that count in seconds must not round it.
      const endsAtMs = Math.ceil(clock.nowMs / 1000) * 1000 + 5437;
      await records.put('n', bytesOf('x'), { endsAtMs, owners: ['u'] });
      await settle();
      clock.nowMs = endsAtMs - 1;
      assert.ok(await records.get('n'));
      assert.deepEqual((await records.list('u', { limit: 10 })).names, ['n']);
      assert.deepEqual((await records.scan({ limit: 10 })).names, ['n']);
      clock.nowMs = endsAtMs;
      assert.equal(await records.get('n'), undefined);
      assert.deepEqual((await records.list('u', { limit: 10 })).names, []);
      assert.deepEqual((await records.scan({ limit: 10 })).names, []);
      assert.equal(await records.take('n'), undefined);
      assert.equal(await records.extend('n', endsAtMs + hourMs), false);
      assert.equal(await records.get('n'), undefined);
    },
  ),
  onRecords('an ended record is absent for guards, and its name is free', async ({ records, clock }) => {
    const endsAtMs = Math.ceil(clock.nowMs / 1000) * 1000 + 437;
    const revision = await records.put('n', bytesOf('x'), { endsAtMs });
    assert.ok(revision);
    clock.nowMs = endsAtMs;
    const later = endsAtMs + hourMs;
    assert.equal(
      await records.put('n', bytesOf('y'), { endsAtMs: later, guard: { ifRevision: revision } }),
      undefined,
    );
    assert.ok(await records.put('n', bytesOf('y'), { endsAtMs: later, guard: { ifAbsent: true } }));
    assert.deepEqual((await records.get('n'))?.bytes, bytesOf('y'));
  }),
  onRecords('a write without a guard moves the end both ways', async ({ records, clock }) => {
    await records.put('n', bytesOf('x'), { endsAtMs: clock.nowMs + hourMs });
    await records.put('n', bytesOf('x'), { endsAtMs: clock.nowMs + 1000 });
    assert.equal((await records.get('n'))?.endsAtMs, clock.nowMs + 1000);
    assert.equal(await records.extend('n', clock.nowMs), true);
    assert.equal(await records.get('n'), undefined);
  }),
  onRecords('many ended records do not take living ones with them', async ({ records, clock, settle }) => {
    const startMs = clock.nowMs;
    const put = (n: number, endsAtMs: number) =>
      records.put(`n${n}`, bytesOf('x'), { endsAtMs, owners: ['u'] });
    for (let n = 0; n < 60; n += 1) await put(n, startMs + (n % 2 === 0 ? 10 : hourMs));
    clock.nowMs = startMs + 5000;
    for (let n = 60; n < 120; n += 1) await put(n, startMs + hourMs);
    await settle();
    assert.equal((await records.scan({ limit: 1000 })).names.length, 90);
    assert.equal((await records.list('u', { limit: 1000 })).names.length, 90);
  }),
];
