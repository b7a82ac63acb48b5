import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import type { ItemOf } from '../store/tables.ts';
import { envKey } from './env-key.ts';
import { hkdfRoot } from './hkdf-root.ts';
import { openSealer } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';

const now = () => 1_700_000_000_000;
const key = () => randomBytes(32).toString('hex');
const plain = Buffer.from('sk-live');
const place = (tenant: string) => ({ tenant, subject: '', table: 't', record: 'r', field: 'f', epoch: 0 });
const row = async (tables: MemoryTables, tenant: string) => {
  const stored = await tables.get('tenant_keys', { tenant, version: '000001' });
  return stored?.item as ItemOf<'tenant_keys'>;
};

test('the active provider wraps new tenants, and the others open what they wrapped before', async () => {
  const tables = memoryTables({ now });
  const [env, hkdf] = [envKey(key()), hkdfRoot(key())];
  const before = await openSealer({ tables, provider: env, now });
  const sealed = await before.seal('token', place('g1'), plain);
  const after = await openSealer({ tables, provider: hkdf, opening: [env], now });
  expect(await after.open('token', place('g1'), sealed)).toEqual(plain);
  await after.seal('token', place('g2'), plain);
  expect([(await row(tables, 'g1'))['provider'], (await row(tables, 'g2'))['provider']]).toEqual([
    'env',
    'hkdf',
  ]);
  expect(await before.open('token', place('g1'), sealed)).toEqual(plain);
  await expect(before.open('token', place('g2'), sealed)).rejects.toMatchObject({ code: 'open_failed' });
  await expect(before.seal('token', place('g2'), plain)).rejects.toMatchObject({
    code: 'key_unavailable',
    message: expect.stringContaining('provider hkdf'),
  });
});

test('a row that names no provider is opened by the local one that has its root key', async () => {
  const tables = memoryTables({ now });
  const [env, hkdf] = [envKey(key()), hkdfRoot(key())];
  const sealed = await (await openSealer({ tables, provider: env, now })).seal('token', place('g1'), plain);
  for (const tenant of ['_system', 'g1']) {
    const { provider, ...older } = await row(tables, tenant);
    expect(provider).toBe('env');
    await tables.put('tenant_keys', older as ItemOf<'tenant_keys'>);
  }
  for (const [provider, opening] of [
    [env, []],
    [env, [hkdf]],
    [hkdf, [env]],
  ] satisfies [KeyProvider, KeyProvider[]][]) {
    const sealer = await openSealer({ tables, provider, opening, now });
    expect(await sealer.open('token', place('g1'), sealed)).toEqual(plain);
  }
  await expect(openSealer({ tables, provider: hkdf, now })).rejects.toMatchObject({
    code: 'key_unavailable',
  });
});

test('a row that names another provider than the one that wrapped it opens nothing', async () => {
  const tables = memoryTables({ now });
  const [env, hkdf] = [envKey(key()), hkdfRoot(key())];
  const sealed = await (await openSealer({ tables, provider: env, now })).seal('token', place('g1'), plain);
  for (const provider of ['hkdf', 'kms', 5]) {
    await tables.put('tenant_keys', { ...(await row(tables, 'g1')), provider });
    const sealer = await openSealer({ tables, provider: env, opening: [hkdf], now });
    await expect(sealer.open('token', place('g1'), sealed)).rejects.toMatchObject({
      code: 'key_unavailable',
    });
  }
});

test('either of two wraps opens, and a second wrap of another key does not', async () => {
  const tables = memoryTables({ now });
  const [env, hkdf] = [envKey(key()), hkdfRoot(key())];
  const first = await openSealer({ tables, provider: env, now });
  const sealed = await first.seal('token', place('g1'), plain);
  const mine = await row(tables, 'g1');
  const context = { deployment: first.deployment, tenant: 'g1', purpose: 'tenant', version: '000001' };
  const wrapped = Buffer.from(String(mine['wrapped']), 'base64url');
  const plaintext = await env.unwrap({ tenant: 'g1', keyRef: String(mine['keyRef']), wrapped, context });
  const other = async (bytes: Uint8Array) => {
    const made = await hkdf.wrap({ tenant: 'g1', plaintext: bytes, context });
    const also = {
      provider: 'hkdf',
      keyRef: made.keyRef,
      wrapped: Buffer.from(made.wrapped).toString('base64url'),
    };
    await tables.put('tenant_keys', { ...mine, provider: 'elsewhere', also });
    return (await openSealer({ tables, provider: env, opening: [hkdf], now })).open(
      'token',
      place('g1'),
      sealed,
    );
  };
  expect(await other(plaintext)).toEqual(plain);
  await expect(other(randomBytes(32))).rejects.toMatchObject({ code: 'key_unavailable' });
});
