import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import { holdsTenantKeys } from './deployment.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';

const now = () => 1_700_000_000_000;
const place = { tenant: 'g', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
const key = () => randomBytes(32).toString('base64');
const open = (tables: MemoryTables, provider: KeyProvider) => openSealer({ tables, provider, now });
const foreign = { code: 'key_unavailable', message: expect.stringContaining('does not belong to this data') };

test('of twenty processes that make a deployment at once all serve the same one', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  const sealers = await Promise.all(Array.from({ length: 20 }, () => open(tables, envKey(root))));
  expect(new Set(sealers.map((sealer) => sealer.deployment)).size).toBe(1);
  expect(new Set(sealers.map((sealer) => sealer.blind('p', 'name'))).size).toBe(1);
  expect(sealers[0]?.deployment).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/u);
  const sealed = await sealers[3]?.seal('token', place, Buffer.from('x'));
  expect(await sealers[11]?.open('token', place, sealed ?? Buffer.alloc(0))).toEqual(Buffer.from('x'));
  expect((await tables.scan('tenant_keys', { limit: 10 })).items.map(({ item }) => item.tenant)).toEqual([
    '_system',
    'g',
  ]);
});

test('data under another root key is refused at the start, with words that say so', async () => {
  const tables = memoryTables({ now });
  await open(tables, envKey(key()));
  await expect(open(tables, envKey(key()))).rejects.toMatchObject(foreign);
});

test('the tenant keys of another deployment do not pass for ours, even under the same root key', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  await open(tables, envKey(root));
  const other = memoryTables({ now });
  await open(other, envKey(root));
  await replace(tables, other, 'tenant_keys');
  await expect(open(tables, envKey(root))).rejects.toMatchObject(foreign);
});

test('a row of another deployment is refused, and so is a changed id', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  await open(tables, envKey(root));
  const stored = await tables.get('deployment', { name: 'deployment' });
  const id = '00000000-0000-4000-8000-000000000000';
  await tables.put('deployment', { ...stored?.item, name: 'deployment', id });
  await expect(open(tables, envKey(root))).rejects.toMatchObject(foreign);
  const other = memoryTables({ now });
  await open(other, envKey(root));
  await replace(tables, other, 'deployment');
  await expect(open(tables, envKey(root))).rejects.toMatchObject(foreign);
});

test('a changed blind key is refused, and so is a row that is no deployment', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  await open(tables, envKey(root));
  const stored = await tables.get('deployment', { name: 'deployment' });
  for (const blindKey of ['AAAA', 'not base64url!', 5])
    await expect(
      tables
        .put('deployment', { ...stored?.item, name: 'deployment', blindKey })
        .then(() => open(tables, envKey(root))),
    ).rejects.toMatchObject({ code: 'key_unavailable' });
});

test('keys without their deployment are refused, not given a new one', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  await open(tables, envKey(root));
  await tables.remove('deployment', { name: 'deployment' });
  await expect(open(tables, envKey(root))).rejects.toMatchObject({
    code: 'key_unavailable',
    message: expect.stringContaining('backup'),
  });
  expect(await tables.get('deployment', { name: 'deployment' })).toBeUndefined();
});

test('a provider that cannot answer is not mistaken for a foreign key', async () => {
  const [tables, root] = [memoryTables({ now }), key()];
  await open(tables, envKey(root));
  const closed = envKey(root);
  const down: KeyProvider = { ...closed, unwrap: () => Promise.reject(new Error('connect ECONNREFUSED')) };
  await expect(open(tables, down)).rejects.toThrow('connect ECONNREFUSED');
});

test('a fresh store holds no tenant keys, a used one does', async () => {
  const tables = memoryTables({ now });
  expect(await holdsTenantKeys(tables)).toBe(false);
  await open(tables, envKey(key()));
  expect(await holdsTenantKeys(tables)).toBe(true);
});

async function replace(
  into: MemoryTables,
  from: MemoryTables,
  table: 'deployment' | 'tenant_keys',
): Promise<void> {
  for (const { item } of (await from.scan(table, { limit: 10 })).items) await into.put(table, item);
}
