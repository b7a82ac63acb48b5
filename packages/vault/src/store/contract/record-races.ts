import assert from 'node:assert/strict';
import { bytesOf, onRecords, type RecordsCase } from './records-case.ts';

const hourMs = 3_600_000;

/** Guards, takers and bars hold whatever races. */
export const recordRaceCases: readonly RecordsCase[] = [
  onRecords('what is put is read back, byte for byte', async ({ records, clock }) => {
    const bytes = Uint8Array.from({ length: 512 }, (_, n) => n % 256);
    const endsAtMs = clock.nowMs + 1234;
    const revision = await records.put('n', bytes, { endsAtMs, owners: ['a', 'b'] });
    assert.ok(revision);
    const found = await records.get('n');
    assert.ok(found);
    assert.deepEqual(
      { ...found, bytes: [...found.bytes], owners: [...found.owners].sort() },
      { bytes: [...bytes], revision, endsAtMs, owners: ['a', 'b'] },
    );
    assert.equal(await records.get('m'), undefined);
    await records.put('empty', new Uint8Array(), { endsAtMs });
    assert.equal((await records.get('empty'))?.bytes.length, 0);
  }),
  onRecords('what a caller changes after writing or reading is not stored', async ({ records, clock }) => {
    const bytes = bytesOf('secret');
    await records.put('n', bytes, { endsAtMs: clock.nowMs + hourMs });
    bytes.fill(0);
    (await records.get('n'))?.bytes.fill(0);
    assert.deepEqual((await records.get('n'))?.bytes, bytesOf('secret'));
  }),
  onRecords('of 20 racing takers one gets the record', async ({ records, clock }) => {
    await records.put('code', bytesOf('x'), { endsAtMs: clock.nowMs + hourMs, owners: ['u'] });
    const taken = await Promise.all(Array.from({ length: 20 }, () => records.take('code')));
    assert.equal(taken.filter((record) => record !== undefined).length, 1);
    assert.deepEqual(taken.find((record) => record !== undefined)?.bytes, bytesOf('x'));
    assert.equal(await records.get('code'), undefined);
    assert.equal(await records.take('code'), undefined);
  }),
  onRecords('ifAbsent has one winner, ifRevision loses no update', async ({ records, clock }) => {
    const endsAtMs = clock.nowMs + hourMs;
    const claims = Array.from({ length: 10 }, (_, n) =>
      records.put('n', Uint8Array.of(n), { endsAtMs, guard: { ifAbsent: true } }),
    );
    assert.equal((await Promise.all(claims)).filter((revision) => revision !== undefined).length, 1);
    await records.put('n', Uint8Array.of(0), { endsAtMs });
    const increment = async (): Promise<void> => {
      const found = await records.get('n');
      assert.ok(found);
      const bytes = Uint8Array.of((found.bytes[0] ?? 0) + 1);
      if ((await records.put('n', bytes, { endsAtMs, guard: { ifRevision: found.revision } })) === undefined)
        await increment();
    };
    await Promise.all(Array.from({ length: 10 }, increment));
    assert.deepEqual((await records.get('n'))?.bytes, Uint8Array.of(10));
  }),
  onRecords('a revision of an older record does not guard a newer one', async ({ records, clock }) => {
    const endsAtMs = clock.nowMs + hourMs;
    const older = await records.put('n', bytesOf('1'), { endsAtMs });
    assert.ok(older);
    await records.take('n');
    assert.equal(await records.put('n', bytesOf('2'), { endsAtMs, guard: { ifRevision: older } }), undefined);
    await records.put('n', bytesOf('1'), { endsAtMs });
    assert.equal(await records.put('n', bytesOf('2'), { endsAtMs, guard: { ifRevision: older } }), undefined);
  }),
  onRecords(
    'extend moves the end and keeps revision, bytes and owners',
    async ({ records, clock, settle }) => {
      const startMs = clock.nowMs;
      const revision = await records.put('n', bytesOf('x'), { endsAtMs: startMs + 1000, owners: ['u'] });
      assert.ok(revision);
      assert.equal(await records.extend('n', startMs + hourMs), true);
      clock.nowMs = startMs + 60_000;
      await settle();
      assert.deepEqual(await records.get('n'), {
        bytes: bytesOf('x'),
        revision,
        endsAtMs: startMs + hourMs,
        owners: ['u'],
      });
      assert.deepEqual((await records.list('u', { limit: 10 })).names, ['n']);
      assert.ok(
        await records.put('n', bytesOf('y'), { endsAtMs: startMs + hourMs, guard: { ifRevision: revision } }),
      );
      assert.equal(await records.extend('none', startMs + hourMs), false);
    },
  ),
  onRecords('a slower writer cannot bring back what was barred', async ({ records, clock, settle }) => {
    const endsAtMs = clock.nowMs + hourMs;
    const revision = await records.put('s', bytesOf('signed in'), { endsAtMs, owners: ['u'] });
    assert.ok(revision);
    await records.bar('s', clock.nowMs + 1000);
    assert.equal(await records.put('s', bytesOf('again'), { endsAtMs }), undefined);
    assert.equal(
      await records.put('s', bytesOf('again'), { endsAtMs, guard: { ifRevision: revision } }),
      undefined,
    );
    assert.equal(
      await records.put('s', bytesOf('again'), { endsAtMs, guard: { ifAbsent: true } }),
      undefined,
    );
    assert.equal(await records.extend('s', endsAtMs), false);
    assert.equal(await records.take('s'), undefined);
    assert.equal(await records.get('s'), undefined);
    await settle();
    assert.deepEqual((await records.list('u', { limit: 10 })).names, []);
    assert.deepEqual((await records.scan({ limit: 10 })).names, []);
  }),
  onRecords('writers that race with a bar leave no record and no owner behind it', async (bench) => {
    const { records, clock, settle } = bench;
    const endsAtMs = clock.nowMs + hourMs;
    const owners = Array.from({ length: 10 }, (_, n) => `o${n}`);
    const writers = owners.map((owner) => records.put('s', bytesOf('x'), { endsAtMs, owners: [owner] }));
    const barred = records.bar('s', clock.nowMs + 1000);
    const late = owners.map((owner) => records.put('s', bytesOf('y'), { endsAtMs, owners: [owner] }));
    await Promise.all([...writers, barred, ...late, records.extend('s', endsAtMs + 1)]);
    assert.equal(await records.get('s'), undefined);
    await settle();
    for (const owner of owners) assert.deepEqual((await records.list(owner, { limit: 10 })).names, []);
  }),
  onRecords(
    'a bar holds a name that never was, until its end, and is not shortened',
    async ({ records, clock }) => {
      const startMs = clock.nowMs;
      await records.bar('n', startMs + 5000);
      await records.bar('n', startMs + 1000);
      clock.nowMs = startMs + 4999;
      assert.equal(await records.put('n', bytesOf('x'), { endsAtMs: startMs + hourMs }), undefined);
      clock.nowMs = startMs + 5000;
      assert.ok(
        await records.put('n', bytesOf('x'), { endsAtMs: startMs + hourMs, guard: { ifAbsent: true } }),
      );
      assert.ok(await records.get('n'));
    },
  ),
  onRecords('what is written while its owner is swept is found by the next sweep', async (bench) => {
    const { records, clock, settle } = bench;
    const endsAtMs = clock.nowMs + hourMs;
    const put = (name: string) => records.put(name, bytesOf('x'), { endsAtMs, owners: ['grant'] });
    const sweep = async (): Promise<void> => {
      const { names } = await records.list('grant', { limit: 100 });
      await Promise.all(names.map((name) => records.take(name)));
    };
    await Promise.all(Array.from({ length: 10 }, (_, n) => put(`n${n}`)));
    await settle();
    // Siblings are written anew and renewed under the sweep, some of them under names that it takes.
    await Promise.all([sweep(), ...Array.from({ length: 15 }, (_, n) => put(`n${n}`)), sweep()]);
    await settle();
    const listed = [...(await records.list('grant', { limit: 100 })).names].sort();
    const living = await Promise.all(Array.from({ length: 15 }, (_, n) => records.get(`n${n}`)));
    assert.deepEqual(listed, living.flatMap((record, n) => (record === undefined ? [] : [`n${n}`])).sort());
    await sweep();
    await settle();
    for (let n = 0; n < 15; n += 1) assert.equal(await records.get(`n${n}`), undefined);
  }),
];
