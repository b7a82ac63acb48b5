import { randomBytes } from 'node:crypto';
import { envKey, hkdfRoot, memoryTables, openSealer, type OpenedSealer, type Tables } from '@sealgate/vault';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryAudit, type MemoryAudit } from '../domain/fixtures/memory-audit.ts';
import { keyOperations } from './key-operations.ts';
import { openKeyWorks, type KeyWorks } from './key-works.ts';

const place = { tenant: 'g1', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
const operator = {
  context: { tenant: 'g0', actor: { type: 'person', id: 'u1' }, source: 'cli', correlation: 'c' },
  subject: 'u1',
} as const;
let paper: MemoryAudit;
let tables: Tables;
let sealer: OpenedSealer;
let works: KeyWorks;
let fresh: number;
let operations: ReturnType<typeof keyOperations>;

beforeEach(async () => {
  paper = memoryAudit();
  tables = memoryTables({ now: Date.now });
  const [provider, other] = [
    envKey(randomBytes(32).toString('hex')),
    hkdfRoot(randomBytes(32).toString('hex')),
  ];
  sealer = await openSealer({ tables, provider, opening: [other], now: Date.now });
  works = openKeyWorks();
  fresh = 0;
  const freshRoot = async () => void (fresh += 1);
  operations = keyOperations({
    audit: paper.audit,
    keys: sealer.administration,
    keyWorks: works,
    freshRoot,
    several: false,
  });
  await sealer.seal('token', place, Buffer.from('x'));
});

type Name = keyof ReturnType<typeof keyOperations>;
const call = (name: Name, input: unknown) => operations[name].run(operator, input);
const acts = () => paper.lines.filter(({ act }) => act !== undefined).map(({ act, obj }) => [act, obj]);
const outcomes = () =>
  paper.lines.filter(({ cause }) => cause !== undefined).map(({ out, code }) => [out, code]);

async function done(input: { readonly kind: string; readonly tenant?: string }): Promise<unknown> {
  const { kind, tenant } = input;
  for (;;) {
    const look = (await call('keys.progress', { kind, tenant })) as { readonly done: unknown };
    if (look.done !== null) return look.done;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a root key is made once, every key is wrapped anew, and the journal says so before and after', async () => {
  await call('keys.work', { kind: 'root' });
  expect(await done({ kind: 'root' })).toMatchObject({ changed: 2, failures: [] });
  expect(fresh).toBe(1);
  expect([acts(), outcomes()]).toEqual([[['key.rotate', 'keys:*']], [['success', undefined]]]);
});

test('one group is moved, and found there', async () => {
  await call('keys.work', { kind: 'move', tenant: 'g1', to: 'hkdf' });
  await done({ kind: 'move', tenant: 'g1' });
  expect(await call('keys.status', {})).toMatchObject({ active: 'env', moving: 1, tenants: 1 });
  expect([acts(), fresh]).toEqual([[['key.move', 'keys:g1']], 0]);
});

test('what fails is told to whoever looks, and noted', async () => {
  await call('keys.work', { kind: 'move', to: 'kms' });
  await expect(done({ kind: 'move' })).rejects.toMatchObject({ code: 'key_unavailable' });
  expect(outcomes()).toEqual([['failure', 'key_unavailable']]);
});

test('a group is disabled and enabled, each with its entry', async () => {
  await call('keys.disable', { tenant: 'g1' });
  await expect(sealer.seal('token', place, Buffer.from('x'))).rejects.toMatchObject({ code: 'key_disabled' });
  expect(await call('keys.status', {})).toMatchObject({ states: [{ tenant: 'g1', state: 'disabled' }] });
  await call('keys.enable', { tenant: 'g1' });
  await sealer.seal('token', place, Buffer.from('x'));
  await call('keys.revoke', { tenant: 'g1' });
  expect(acts().map(([act]) => act)).toEqual(['key.disable', 'key.enable', 'key.revoke']);
});

describe('refused, with nothing done', () => {
  test.each<[string, Name, object, string]>([
    ['a group that has no key', 'keys.disable', { tenant: 'nobody' }, 'not_found'],
    ['work on a group that has no key', 'keys.work', { kind: 'tenant-key', tenant: 'nobody' }, 'not_found'],
    ['work of no kind', 'keys.work', { kind: 'all' }, 'usage'],
    ['a move to nowhere', 'keys.work', { kind: 'move' }, 'usage'],
    ['a suite that there is not', 'keys.work', { kind: 'data-keys', suite: 3 }, 'usage'],
    ['a look at what was not begun', 'keys.progress', { kind: 'root' }, 'not_found'],
  ])('%s', async (_, name, input, code) => {
    await expect(call(name, input)).rejects.toMatchObject({ code });
    expect(acts()).toEqual([]);
  });

  test('the keys of the deployment itself, with an entry', async () => {
    await expect(call('keys.disable', { tenant: '_system' })).rejects.toMatchObject({ code: 'item_invalid' });
    expect(outcomes()).toEqual([['failure', 'item_invalid']]);
  });
});

test('a process that ends stops the work, and another goes on with it', async () => {
  for (let n = 0; n < 60; n += 1) await sealer.seal('token', { ...place, tenant: `t${n}` }, Buffer.from('x'));
  await call('keys.work', { kind: 'tenant-key' });
  await works.close();
  await expect(done({ kind: 'tenant-key' })).rejects.toThrow(/abort/);
  works = openKeyWorks();
  const parts = {
    audit: paper.audit,
    keys: sealer.administration,
    keyWorks: works,
    freshRoot: async () => undefined,
    several: false,
  };
  operations = keyOperations(parts);
  await call('keys.work', { kind: 'tenant-key' });
  expect(await done({ kind: 'tenant-key' })).toMatchObject({ resumed: true, failures: [] });
});
