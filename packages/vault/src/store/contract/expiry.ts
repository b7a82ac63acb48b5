import assert from 'node:assert/strict';
import type { Tables } from '../tables.ts';
import { onTables, readAll, scanAll, type TablesCase } from './tables-case.ts';

const key = { sessionId: 's' } as const;
/** Longer past than any store's own deletion looks back: only the adapter's check can hide such an item. */
const sixYears = 6 * 366 * 86_400;

async function visible(tables: Tables): Promise<readonly boolean[]> {
  return [
    (await tables.get('sessions', key)) !== undefined,
    (await readAll(tables, 'sessions', { partition: 's', limit: 10 })).length > 0,
    (await readAll(tables, 'sessions', { index: 'userId-index', partition: 'u', limit: 10 })).length > 0,
    (await scanAll(tables, 'sessions', 10)).length > 0,
  ];
}

/** An item whose end has passed is absent for every call, whatever still lies in the store. */
export const expiryCases: readonly TablesCase[] = [
  onTables('an item six years past its end is never returned', async ({ tables, bringIn, settle, clock }) => {
    await bringIn('sessions', {
      sessionId: 's',
      userId: 'u',
      ttl: Math.floor(clock.nowMs / 1000) - sixYears,
    });
    await settle();
    assert.deepEqual(await visible(tables), [false, false, false, false]);
  }),
  onTables(
    'an item is there until its end and absent from that instant on',
    async ({ tables, settle, clock }) => {
      const ttl = Math.ceil(clock.nowMs / 1000) + 3600;
      await tables.put('sessions', { sessionId: 's', userId: 'u', ttl });
      await settle();
      clock.nowMs = ttl * 1000 - 1;
      assert.deepEqual(await visible(tables), [true, true, true, true]);
      clock.nowMs = ttl * 1000;
      assert.deepEqual(await visible(tables), [false, false, false, false]);
    },
  ),
  onTables('guards take an expired item for absent', async ({ tables, bringIn, clock }) => {
    const ended = { sessionId: 's', ttl: Math.floor(clock.nowMs / 1000) - sixYears };
    await bringIn('sessions', ended);
    assert.equal(await tables.put('sessions', { sessionId: 's' }, { ifRevision: undefined }), undefined);
    assert.equal(await tables.remove('sessions', key, { ifRevision: undefined }), false);
    const check = await tables.transact([{ check: 'sessions', key, guard: { ifRevision: undefined } }]);
    assert.deepEqual(check, { done: false, lost: 0 });
    assert.deepEqual(await tables.transact([{ check: 'sessions', key, guard: { ifAbsent: true } }]), {
      done: true,
    });
    assert.equal(await tables.remove('sessions', key), false);
    await bringIn('sessions', ended);
    assert.ok(await tables.put('sessions', { sessionId: 's', n: 1 }, { ifAbsent: true }));
    assert.equal((await tables.get('sessions', key))?.item['n'], 1);
  }),
  onTables(
    'an expired item uses up the limit as a filtered one does',
    async ({ tables, bringIn, clock, settle }) => {
      const ttl = Math.floor(clock.nowMs / 1000) - sixYears;
      for (const n of [1, 2, 3]) await bringIn('sessions', { sessionId: `${n}`, userId: 'u', ttl });
      await tables.put('sessions', { sessionId: '4', userId: 'u' });
      await settle();
      const found = await readAll(tables, 'sessions', { index: 'userId-index', partition: 'u', limit: 1 });
      assert.deepEqual(
        found.map(({ sessionId }) => sessionId),
        ['4'],
      );
    },
  ),
  onTables('sweeping by many writes leaves the living ones alone', async ({ tables, clock }) => {
    const nowSeconds = Math.floor(clock.nowMs / 1000);
    for (let n = 0; n < 200; n += 1)
      await tables.put('sessions', { sessionId: `${n}`, ttl: nowSeconds + (n % 2 === 0 ? 10 : 1000) });
    clock.nowMs += 60_000;
    for (let n = 200; n < 300; n += 1)
      await tables.put('sessions', { sessionId: `${n}`, ttl: nowSeconds + 1000 });
    assert.equal((await scanAll(tables, 'sessions', 1000)).length, 200);
  }),
];
