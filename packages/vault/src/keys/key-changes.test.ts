import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Act } from '../audit/acts.ts';
import { memoryBus } from '../store/memory/bus.ts';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import { keysOf } from './administration.ts';
import { changedSince } from './change-count.ts';
import { envKey } from './env-key.ts';
import { receiptFor } from './fixtures/receipt-for.ts';
import { keyLookEveryMs } from './key-changes.ts';
import { openSealer, type OpenedSealer } from './open-sealer.ts';
import { changeTenantState, readTenantState } from './tenant-state.ts';

const now = () => 1_700_000_000_000;
const place = { tenant: 'g1', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
const plain = Buffer.from('sk-live');
const disabled = { code: 'key_disabled' };
const receipt = (act: Act, tenant = 'g1') => receiptFor(act, keysOf(tenant));

afterEach(() => vi.useRealTimers());

// Two instances on one store, and what unwraps were asked for.
async function two(bus = memoryBus()) {
  const tables = memoryTables({ now });
  const root = envKey(randomBytes(32).toString('hex'));
  const asked: string[] = [];
  const provider: typeof root = {
    ...root,
    unwrap(request) {
      asked.push(request.tenant);
      return root.unwrap(request);
    },
  };
  const open = async (): Promise<OpenedSealer> => {
    const sealer = await openSealer({ tables, provider, now });
    await sealer.follow(bus, (error) => expect.fail(String(error)));
    return sealer;
  };
  return { tables, asked, one: await open(), other: await open() };
}

const deaf = () => ({ ...memoryBus(), publish: async () => undefined });

describe('the keys of a tenant that is disabled', () => {
  test.each(['with the bus', 'without it'])('seal and open nothing on either instance, %s', async (how) => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { one, other } = await two(how === 'with the bus' ? memoryBus() : deaf());
    const sealed = await one.seal('token', place, plain);
    const session = await one.seal('session', place, plain);
    await other.open('token', place, sealed);
    await other.open('session', place, session);
    await one.administration.disable(await receipt('key.disable'), 'g1');
    const deafUntilThen = how === 'with the bus' || (await other.open('token', place, sealed)).equals(plain);
    expect(deafUntilThen).toBe(true);
    if (how === 'without it') await vi.advanceTimersByTimeAsync(keyLookEveryMs);
    await new Promise((resolve) => setImmediate(resolve));
    for (const sealer of [one, other]) {
      await expect(sealer.open('token', place, sealed)).rejects.toMatchObject(disabled);
      await expect(sealer.open('session', place, session)).rejects.toMatchObject(disabled);
      await expect(sealer.seal('token', place, plain)).rejects.toMatchObject(disabled);
      await expect(sealer.seal('session', place, plain)).rejects.toMatchObject(disabled);
      await expect(sealer.seal('credential', place, plain)).rejects.toMatchObject(disabled);
    }
    await other.administration.enable(await receipt('key.enable'), 'g1');
    await vi.advanceTimersByTimeAsync(keyLookEveryMs);
    await new Promise((resolve) => setImmediate(resolve));
    for (const sealer of [one, other]) expect(await sealer.open('token', place, sealed)).toEqual(plain);
  });

  test('are those of this tenant alone', async () => {
    const { one, other, asked } = await two();
    const elsewhere = { ...place, tenant: 'g2' };
    const sealed = await one.seal('token', elsewhere, plain);
    await other.open('token', elsewhere, sealed);
    asked.length = 0;
    await one.administration.disable(await receipt('key.disable'), 'g1');
    for (const sealer of [one, other]) expect(await sealer.open('token', elsewhere, sealed)).toEqual(plain);
    expect(asked).toEqual([]);
  });

  test('refuse a tenant that never had any, and make none', async () => {
    const { one, tables } = await two();
    await one.administration.disable(await receipt('key.disable'), 'g1');
    await expect(one.seal('token', place, plain)).rejects.toMatchObject(disabled);
    expect(await versions(tables)).toEqual(['!state']);
  });

  test('are disabled by a receipt for this act on this tenant, once', async () => {
    const { one } = await two();
    const refused = { code: 'receipt_invalid' };
    const { administration } = one;
    await expect(administration.disable(await receipt('key.enable'), 'g1')).rejects.toMatchObject(refused);
    await expect(administration.disable(await receipt('key.disable', 'g2'), 'g1')).rejects.toMatchObject(
      refused,
    );
    await expect(administration.enable(await receipt('key.disable'), 'g1')).rejects.toMatchObject(refused);
    const spent = await receipt('key.revoke');
    await administration.revoke(spent, 'g1');
    await expect(administration.revoke(spent, 'g1')).rejects.toMatchObject(refused);
  });

  test('are never those of the deployment itself', async () => {
    const { one, tables } = await two();
    await expect(
      one.administration.disable(await receipt('key.disable', '_system'), '_system'),
    ).rejects.toMatchObject({ code: 'item_invalid' });
    await expect(changeTenantState({ tables, now }, '_system', { state: 'shredded' })).rejects.toMatchObject({
      code: 'item_invalid',
    });
  });
});

test.each(['token', 'session'] as const)(
  'a tenant that is disabled while a key for a %s is made has no such key',
  async (kind) => {
    const tables = memoryTables({ now });
    const provider = envKey(randomBytes(32).toString('hex'));
    await openSealer({ tables, provider, now });
    let raced = 0;
    const racing: MemoryTables = {
      ...tables,
      async transact(steps) {
        if (raced++ === 0) await changeTenantState({ tables, now }, 'g1', { state: 'disabled' });
        return tables.transact(steps);
      },
    };
    const sealer = await openSealer({ tables: racing, provider, now });
    await expect(sealer.seal(kind, place, plain)).rejects.toMatchObject(disabled);
    expect(raced).toBe(1);
    expect(await versions(tables)).toEqual(['!state']);
    expect((await tables.query('data_keys', { partition: 'g1', limit: 10 })).items).toEqual([]);
  },
);

test('a life that began before the last change ends where a key is minted, though nobody told', async () => {
  const { tables, one, asked } = await two();
  await one.seal('token', place, plain);
  await changeTenantState({ tables, now }, 'g1', {});
  asked.length = 0;
  await one.seal('credential', place, plain);
  expect(asked).toEqual(['g1']);
  await changeTenantState({ tables, now }, 'g1', { state: 'disabled' });
  await expect(one.seal('handle', place, plain)).rejects.toMatchObject(disabled);
  await expect(one.seal('token', place, plain)).rejects.toMatchObject(disabled);
});

test('keys that were shredded stay so, and say it', async () => {
  const { tables, one } = await two();
  const sealed = await one.seal('token', place, plain);
  await changeTenantState({ tables, now }, 'g1', { state: 'shredded' });
  one.revoke('g1');
  const shredded = { code: 'key_shredded' };
  await expect(one.open('token', place, sealed)).rejects.toMatchObject(shredded);
  await expect(one.seal('token', place, plain)).rejects.toMatchObject(shredded);
  await expect(one.administration.enable(await receipt('key.enable'), 'g1')).rejects.toMatchObject(shredded);
  for (const { item } of (await tables.query('data_keys', { partition: 'g1', limit: 10 })).items)
    await tables.remove('data_keys', { tenant: 'g1', dataKey: item.dataKey });
  await expect(one.open('token', place, sealed)).rejects.toMatchObject(shredded);
});

test('a damaged state opens nothing', async () => {
  const { tables, one } = await two();
  const sealed = await one.seal('token', place, plain);
  one.revoke('g1');
  for (const row of [{}, { state: 'live' }, { state: 'alive', epoch: 1 }, { state: 'live', epoch: -1 }]) {
    await tables.put('tenant_keys', { tenant: 'g1', version: '!state', ...row });
    await expect(one.open('token', place, sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
  }
});

test('of many changes at once each raises the epoch and is counted', async () => {
  const { tables } = await two();
  await Promise.all(Array.from({ length: 12 }, () => changeTenantState({ tables, now }, 'g1', {})));
  expect((await readTenantState(tables, 'g1')).epoch).toBe(12);
  const count = await tables.get('deployment', { name: 'key_changes' });
  expect(count?.item['n']).toBe(12);
});

test('who missed more changes than are remembered drops everything', () => {
  const recent = ['a', 'b', 'a'];
  expect(changedSince(7, { n: 7, recent })).toEqual([]);
  expect(changedSince(5, { n: 7, recent })).toEqual(['b', 'a']);
  expect(changedSince(3, { n: 7, recent })).toBeUndefined();
  expect(changedSince(8, { n: 7, recent })).toBeUndefined();
});

async function versions(tables: MemoryTables): Promise<readonly string[]> {
  const { items } = await tables.query('tenant_keys', { partition: 'g1', limit: 10 });
  return items.map(({ item }) => item.version);
}
