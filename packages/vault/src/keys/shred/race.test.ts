import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal } from '../../refusal.ts';
import { afterEach, expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import { sqliteTables } from '../../store/sqlite/tables.ts';
import type { Tables } from '../../store/tables.ts';
import { placeOf, stageOn } from './fixtures/stage.ts';

// Whoever is about to make a key while the tenant goes must not bring it back.

const closers: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const closer of closers.splice(0).toReversed()) await closer();
});

function sqlite(): Tables {
  const directory = mkdtempSync(join(tmpdir(), 'race-'));
  closers.push(() => rmSync(directory, { recursive: true }));
  const tables = sqliteTables({ file: join(directory, 'main.db'), now: Date.now });
  closers.push(() => tables.close());
  return tables;
}

/** Every write waits for a moment, so that others come in between. */
function slow(tables: Tables): Tables {
  const wait = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
  return {
    ...tables,
    async transact(...given) {
      await wait();
      return tables.transact(...given);
    },
    async put(...given) {
      await wait();
      return tables.put(...given);
    },
  };
}

const acceptable = new Set(['key_shredded', 'key_unavailable']);

test.each([
  ['memory', () => memoryTables({ now: Date.now })],
  ['SQLite', sqlite],
])('writers on three instances, all kinds and ever new people, make no key after it: %s', async (_, open) => {
  const stage = stageOn(open());
  const sealers = await Promise.all([1, 2, 3].map(() => stage.open(slow(stage.tables))));
  closers.push(async () => void (await Promise.all(sealers.map((sealer) => sealer.close()))));
  let over = false;
  let sealed = 0;
  const codes = new Set<string>();
  const writer = async (index: number): Promise<void> => {
    const sealer = sealers[index % 3]!;
    for (let n = 0; !over; n += 1) {
      const kind = (['token', 'session', 'credential', 'record'] as const)[n % 4]!;
      const place = placeOf('g1', n % 3 === 0 ? '' : `u${index}-${n}`);
      await sealer.seal(kind, place, Buffer.from('x')).then(
        () => (sealed += 1),
        (error: unknown) => codes.add(error instanceof Refusal ? error.code : String(error)),
      );
      // Now and then a life ends, and keys are found anew.
      if (n % 7 === 0) sealer.revoke('g1');
      await new Promise(setImmediate);
    }
  };
  const writers = Array.from({ length: 12 }, (_, index) => writer(index));
  await expect.poll(() => sealed).toBeGreaterThan(60);
  const signed = await stage.shredTenant(sealers[0]!, 'g1');
  const before = sealed;
  // Whoever was under way comes to its end, and the others try again and again.
  await expect.poll(() => codes.has('key_shredded')).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 100));
  over = true;
  await Promise.all(writers);
  expect([...codes].filter((code) => !acceptable.has(code))).toEqual([]);
  const keys = await stage.tables.query('tenant_keys', { partition: 'g1', limit: 100 });
  const dataKeys = await stage.tables.query('data_keys', { partition: 'g1', limit: 100 });
  expect(keys.items.map(({ item }) => item.version)).toEqual(['!state']);
  expect(dataKeys.items).toEqual([]);
  expect(signed.receipt.keys.dataKeys).toBeGreaterThan(10);
  expect(sealed - before).toBeLessThan(100);
});

test('a person is given no key by whoever was about to make one', async () => {
  const stage = stageOn(memoryTables({ now: Date.now }));
  const sealers = await Promise.all([1, 2, 3].map(() => stage.open(slow(stage.tables))));
  closers.push(async () => void (await Promise.all(sealers.map((sealer) => sealer.close()))));
  let over = false;
  let sealed = 0;
  const writers = Array.from({ length: 9 }, async (_, index) => {
    for (let n = 0; !over; n += 1) {
      const sealer = sealers[index % 3]!;
      const kind = (['token', 'credential', 'record', 'handle'] as const)[n % 4]!;
      const place = placeOf(`g${n % 3}`, 'ann');
      await sealer.seal(kind, place, Buffer.from('x')).then(
        () => (sealed += 1),
        () => undefined,
      );
      if (n % 5 === 0) sealer.revoke(place.tenant);
      await new Promise(setImmediate);
    }
  });
  await expect.poll(() => sealed).toBeGreaterThan(40);
  await stage.shredPerson(sealers[0]!, { subject: 'ann', tenants: [], places: ['g0', 'g1', 'g2'] });
  await new Promise((resolve) => setTimeout(resolve, 100));
  over = true;
  await Promise.all(writers);
  const { items } = await stage.tables.scan('data_keys', { limit: 1000 });
  const names = items.map(({ item }) => item.dataKey).filter((name) => name.includes('#ann#'));
  expect(names.filter((name) => !name.endsWith('#active'))).toEqual([]);
  expect(names.length).toBeGreaterThan(20);
});
