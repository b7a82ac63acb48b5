import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseRecord } from '../../seal/record.ts';
import { fromText } from '../../seal/text-form.ts';
import { memoryTables, type MemoryTables } from '../../store/memory/tables.ts';
import { actOf, keysOf } from '../administration.ts';
import { receiptFor } from '../fixtures/receipt-for.ts';
import { changeTenantState } from '../tenant-state.ts';
import { check, everyWork, openInstance, openRoots, populate, rewrite } from './fixtures/population.ts';
import type { KeyWork } from './job-row.ts';
import type { KeyWorkOptions } from './run.ts';

const now = () => Date.now();
async function setUp(count: number) {
  const tables = memoryTables({ now });
  const roots = openRoots();
  const instance = await openInstance(tables, roots, now);
  const population = await populate(instance, count);
  const work = async (asked: KeyWork, options: KeyWorkOptions = {}, by = instance) => {
    const receipt = await receiptFor(actOf(asked), keysOf(asked.tenant ?? '*'));
    return by.sealer.administration.work(receipt, asked, { settleMs: 0, ...options });
  };
  const checkAll = async (): Promise<void> => {
    // Nothing in memory helps a process that was started afterwards.
    const later = await openInstance(tables, roots, now);
    for (const tenant of population.tenants) await check(later, population, tenant);
    await later.sealer.close();
  };
  return { tables, roots, instance, population, work, checkAll };
}

const rowsOf = async (tables: MemoryTables, table: 'tenant_keys' | 'data_keys', tenant: string) =>
  (await tables.query(table, { partition: tenant, limit: 1000 })).items.map(({ item }) => item);

describe('the root key', () => {
  test('wraps every tenant key anew, and nothing else changes', async () => {
    const { tables, roots, population, work, checkAll } = await setUp(12);
    const before = await rowsOf(tables, 'data_keys', 'g3');
    const connection = await tables.get('connections', { groupId: 'g3', connectionId: 'c1' });
    roots.addRoot();
    const later = await openInstance(tables, roots, now);
    const progress: number[] = [];
    const done = await work({ kind: 'root' }, { progress: ({ seen }) => progress.push(seen) }, later);
    expect(done).toMatchObject({ seen: 13, changed: 13, skipped: 0, failures: [], resumed: false });
    expect(progress).toEqual(Array.from({ length: 13 }, (_, at) => at + 1));
    const { holdings, providers, unfinished } = await later.sealer.administration.status();
    const active = providers[0]?.roots.find((root) => root.active);
    expect(holdings).toEqual([{ provider: 'keyring', keyRef: active?.keyRef, rows: 13 }]);
    expect(unfinished).toEqual([]);
    expect(await rowsOf(tables, 'data_keys', 'g3')).toEqual(before);
    expect(await tables.get('connections', { groupId: 'g3', connectionId: 'c1' })).toEqual(connection);
    expect(population.tenants.length).toBe(12);
    await checkAll();
  });

  test('is prepared once, also where the work is done in two goes', async () => {
    const { work, checkAll } = await setUp(120);
    const stop = new AbortController();
    let prepared = 0;
    const prepare = async () => void (prepared += 1);
    await expect(
      work(
        { kind: 'root' },
        { prepare, signal: stop.signal, progress: ({ seen }) => seen === 70 && stop.abort() },
      ),
    ).rejects.toThrow(/abort/);
    const done = await work({ kind: 'root' }, { prepare });
    expect(prepared).toBe(1);
    expect(done).toMatchObject({ resumed: true, failures: [] });
    await checkAll();
  });
});

describe('a tenant key', () => {
  test('gets a new version; data keys are wrapped by it, and records with a key of their own still open', async () => {
    const { tables, work, checkAll } = await setUp(3);
    await work({ kind: 'tenant-key' });
    const versions = (await rowsOf(tables, 'tenant_keys', 'g1')).map((row) => row['version']);
    expect(versions).toEqual(['!state', '000001', '000002']);
    const wrapped = (await rowsOf(tables, 'data_keys', 'g1')).filter((row) => 'wrapped' in row);
    expect(new Set(wrapped.map((row) => row['kekVersion']))).toEqual(new Set(['000002']));
    await checkAll();
  });

  test('of one tenant touches no row of another, and asks its provider for no other', async () => {
    const { tables, roots, work, checkAll } = await setUp(5);
    const others = async () => {
      const rows = await Promise.all(
        (['tenant_keys', 'data_keys', 'connections', 'invitations', 'oauth_tokens'] as const).map(
          async (table) => (await tables.scan(table, { limit: 1000 })).items,
        ),
      );
      return rows.flat().filter(({ item }) => !JSON.stringify(item).includes('g2'));
    };
    const before = await others();
    for (const asked of everyWork.filter(({ kind }) => kind !== 'root')) {
      roots.calls.clear();
      await work({ ...asked, tenant: 'g2' });
      expect([...roots.calls.keys()].filter((tenant) => tenant !== 'g2')).toEqual([]);
      expect(roots.calls.get('g2') ?? 0).toBeGreaterThan(asked.kind === 'data-keys' ? -1 : 0);
    }
    expect(await others()).toEqual(before);
    await checkAll();
  });

  test('that is disabled is left alone, and one that is shredded stays so', async () => {
    const { tables, instance, work } = await setUp(3);
    for (const [tenant, state] of [
      ['g0', 'disabled'],
      ['g1', 'shredded'],
    ] as const) {
      await changeTenantState({ tables, now }, tenant, { state });
      instance.sealer.revoke(tenant);
    }
    const before = [await rowsOf(tables, 'tenant_keys', 'g0'), await rowsOf(tables, 'data_keys', 'g0')];
    const rotated = await work({ kind: 'tenant-key' });
    const resealed = await work({ kind: 'data-keys' });
    expect([rotated.skipped, rotated.failures, resealed.failures]).toEqual([2, [], []]);
    expect([await rowsOf(tables, 'tenant_keys', 'g0'), await rowsOf(tables, 'data_keys', 'g0')]).toEqual(
      before,
    );
    expect(await work({ kind: 'root' })).toMatchObject({ failures: [] });
    await changeTenantState({ tables, now }, 'g0', { state: 'live' });
    instance.sealer.revoke('g0');
    expect(await instance.sealed.get('connections', { groupId: 'g0', connectionId: 'c1' })).toBeDefined();
  });
});

describe('data keys', () => {
  test('are new at once, and every value in a table is sealed anew under them, in the suite asked for', async () => {
    const { tables, roots, instance, work, checkAll } = await setUp(4);
    const sealedIn = async () => {
      const rows = await Promise.all([
        tables.get('connections', { groupId: 'g1', connectionId: 'c1' }),
        tables.get('invitations', { invitationId: 'i-g1' }),
        tables.get('users', { userId: 'alice' }),
        tables.get('deployment', { name: 'deployment' }),
      ]);
      const names = ['credential', 'email', 'profile', 'blindKey'];
      return rows.map((row, at) => parseRecord(fromText(String(row?.item[names[at] ?? '']))));
    };
    const before = await sealedIn();
    const name = instance.sealer.blind('p', 'name');
    const signs = await instance.sealer.administration.signingKey();
    const done = await work({ kind: 'data-keys', suite: 2 });
    expect(done.failures).toEqual([]);
    const after = await sealedIn();
    for (const [at, record] of after.entries()) {
      expect(record.suite).toBe(2);
      expect(record.dataKeyId).not.toEqual(before[at]?.dataKeyId);
    }
    await checkAll();
    const later = await openInstance(tables, roots, now);
    expect(later.sealer.blind('p', 'name')).toBe(name);
    expect(await later.sealer.administration.signingKey()).toBe(signs);
    const again = await work({ kind: 'data-keys' });
    expect(again.changed).toBeGreaterThan(0);
    expect((await sealedIn()).map(({ suite }) => suite)).toEqual([2, 2, 2, 2]);
  });

  test('leave a person alone whose keys were destroyed', async () => {
    const { tables, work } = await setUp(1);
    const row = { tenant: 'g0', dataKey: 'credential#bob#active', state: 'shredded' };
    await tables.put('data_keys', row);
    await work({ kind: 'data-keys' });
    await work({ kind: 'tenant-key' });
    const stored = await tables.get('data_keys', { tenant: 'g0', dataKey: 'credential#bob#active' });
    expect(stored?.item).toEqual(row);
  });

  test('leave what is still there of that person as it is, and go on', async () => {
    const { tables, work } = await setUp(3);
    const active = (await rowsOf(tables, 'data_keys', 'g1')).filter(({ dataKey }) =>
      /^credential#.*#active$/.test(String(dataKey)),
    );
    expect(active.length).toBeGreaterThan(0);
    for (const { dataKey } of active)
      await tables.put('data_keys', { tenant: 'g1', dataKey: String(dataKey), state: 'shredded' });
    const left = await tables.get('connections', { groupId: 'g1', connectionId: 'c1' });
    const other = await tables.get('connections', { groupId: 'g2', connectionId: 'c1' });
    expect(await work({ kind: 'data-keys' })).toMatchObject({ failures: [] });
    expect(await tables.get('connections', { groupId: 'g1', connectionId: 'c1' })).toEqual(left);
    expect(await tables.get('connections', { groupId: 'g2', connectionId: 'c1' })).not.toEqual(other);
  });

  test('name a value that does not open, and seal the others anew', async () => {
    const { tables, work } = await setUp(3);
    const stored = await tables.get('connections', { groupId: 'g1', connectionId: 'c1' });
    await tables.put('connections', { ...stored!.item, epoch: 9 });
    const done = await work({ kind: 'data-keys' });
    expect(done.failures).toEqual([{ what: expect.stringContaining('connections'), code: 'open_failed' }]);
  });
});

describe('a move', () => {
  test('goes there and back, opens with either while it is not settled, and with one when it is', async () => {
    const { tables, roots, work, checkAll } = await setUp(3);
    const wraps = async () => {
      const [row] = (await rowsOf(tables, 'tenant_keys', 'g1')).filter(({ version }) => version === '000001');
      return [row?.['provider'], (row?.['also'] as { provider?: string } | undefined)?.provider];
    };
    expect(await wraps()).toEqual(['keyring', undefined]);
    expect(await work({ kind: 'move', to: 'hkdf' })).toMatchObject({ changed: 4, failures: [] });
    expect(await wraps()).toEqual(['hkdf', 'keyring']);
    await checkAll();
    expect(await work({ kind: 'move', to: 'keyring' })).toMatchObject({ changed: 4 });
    expect(await wraps()).toEqual(['keyring', 'hkdf']);
    await work({ kind: 'move', to: 'hkdf', tenant: 'g1' });
    await work({ kind: 'settle', to: 'hkdf', tenant: 'g1' });
    expect(await wraps()).toEqual(['hkdf', undefined]);
    await checkAll();
    const alone = await openInstance(tables, { ...roots, other: roots.local }, now);
    await expect(
      alone.sealer.seal(
        'token',
        { tenant: 'g1', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 },
        randomBytes(8),
      ),
    ).rejects.toMatchObject({ code: 'key_unavailable', message: expect.stringContaining('provider hkdf') });
  });

  test('to a provider that is not set up is refused, and nothing is begun', async () => {
    const { work, instance } = await setUp(1);
    await expect(work({ kind: 'move', to: 'kms' })).rejects.toMatchObject({ code: 'key_unavailable' });
    expect((await instance.sealer.administration.status()).unfinished).toEqual([]);
  });
});

describe('of two that do the same work', () => {
  test('one does it, and the other is told', async () => {
    const { tables, roots, work, checkAll } = await setUp(30);
    const other = await openInstance(tables, roots, now);
    const [one, two] = await Promise.allSettled([
      work({ kind: 'tenant-key' }),
      work({ kind: 'tenant-key' }, {}, other),
    ]);
    const outcomes = [one, two].map((each) =>
      each.status === 'fulfilled' ? 'done' : (each.reason as { code: string }).code,
    );
    expect(outcomes.toSorted()).toEqual(['done', 'key_work_running']);
    expect((await rowsOf(tables, 'tenant_keys', 'g7')).length).toBe(3);
    await checkAll();
  });

  test('work that was begun in another way has to be finished first', async () => {
    const { work, instance } = await setUp(60);
    const stop = new AbortController();
    const begun = work(
      { kind: 'data-keys', suite: 2 },
      { signal: stop.signal, progress: () => stop.abort() },
    );
    await expect(begun).rejects.toThrow(/abort/);
    await expect(work({ kind: 'data-keys' })).rejects.toMatchObject({
      code: 'key_work_running',
      message: expect.stringContaining('keys rotate --data-keys --suite 2'),
    });
    const [left] = (await instance.sealer.administration.status()).unfinished;
    expect(left).toMatchObject({ command: 'keys rotate --data-keys --suite 2', running: false });
    expect(await work({ kind: 'data-keys', suite: 2 })).toMatchObject({ resumed: true });
  });
});

test('readers and writers see nothing of any work: no operation fails, and nothing is lost', async () => {
  const { tables, roots, population, work, checkAll } = await setUp(60);
  roots.addRoot();
  const serving = await openInstance(tables, roots, now);
  const doing = await openInstance(tables, roots, now);
  let busy = true;
  const failed: unknown[] = [];
  let operations = 0;
  // Each lane has tenants of its own: what it reads afterwards is what it wrote.
  const load = async (lane: number): Promise<void> => {
    const mine = population.tenants.filter((_, at) => at % 4 === lane);
    for (let round = 0; busy || round < 40; round += 1) {
      const tenant = mine[round % mine.length] ?? '';
      const operation = round % 3 === 0 ? rewrite : check;
      await operation(serving, population, tenant).catch((error: unknown) => failed.push(error));
      operations += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const lanes = [0, 1, 2, 3].map(load);
  for (const asked of everyWork) await work(asked, {}, doing);
  busy = false;
  await Promise.all(lanes);
  expect(failed).toEqual([]);
  expect(operations).toBeGreaterThanOrEqual(160);
  await checkAll();
});
