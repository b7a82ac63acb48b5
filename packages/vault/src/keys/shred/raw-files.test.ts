import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { randomBytes } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import { sqliteTables, type SqliteTables } from '../../store/sqlite/tables.ts';
import { envKey } from '../env-key.ts';
import type { KeyProvider } from '../provider.ts';
import { stageOn, plainOrder } from './fixtures/stage.ts';
import type { ShredOrder } from './shredding.ts';

// What somebody finds who takes the disk, and what somebody opens who had copied the file before.

let directory: string;
let tables: SqliteTables;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'raw-'));
  tables = open('main.db');
});
afterEach(async () => {
  await tables.close();
  rmSync(directory, { recursive: true });
});

function open(name: string): SqliteTables {
  return sqliteTables({ file: join(directory, name), now: Date.now, networkMount: false });
}

const scrubbed = (): ShredOrder => ({
  ...plainOrder,
  async forget(names) {
    await tables.scrub(names);
    return { storage: { store: 'sqlite', done: 'scrubbed' }, backups: [] };
  },
});

/** Wrapped keys and sealed values of a tenant, as text in the file. */
async function secretsOf(tenant: string): Promise<string[]> {
  const secrets: string[] = [];
  const take = (...found: unknown[]): unknown =>
    secrets.push(...found.filter((each): each is string => typeof each === 'string'));
  for (const { item } of (await tables.query('tenant_keys', { partition: tenant, limit: 1000 })).items)
    take(item['wrapped'], item['commitment']);
  for (const { item } of (await tables.query('data_keys', { partition: tenant, limit: 1000 })).items)
    take(item['wrapped'], item['commitment']);
  for (const table of ['connections', 'oauth_tokens', 'invitations'] as const)
    for (const { item } of (await tables.scan(table, { limit: 1000 })).items)
      if (item['groupId'] === tenant) take(item['credential'], item['accessToken'], item['email']);
  return secrets;
}

function found(secrets: readonly string[]): string[] {
  const files = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(directory, name)));
  return secrets.filter((secret) => files.some((bytes) => bytes.includes(secret)));
}

function copy(): void {
  mkdirSync(join(directory, 'backup'));
  tables.truncateLog();
  copyFileSync(join(directory, 'main.db'), join(directory, 'backup', 'main.db'));
}

test('neither a wrapped key nor a sealed value of the tenant is left in any file', async () => {
  const stage = stageOn(tables);
  const sealer = await stage.open();
  await stage.fill(sealer);
  const secrets = await secretsOf('g1');
  const others = await secretsOf('g2');
  expect(secrets.length).toBeGreaterThan(20);
  expect(found([...secrets, ...others])).toHaveLength(secrets.length + others.length);
  await stage.shredTenant(sealer, 'g1', scrubbed());
  expect(found(secrets)).toEqual([]);
  expect(found(others)).toHaveLength(others.length);
  await sealer.close();
});

test('a copy of the file made before opens with the same root key: the receipt has to say so', async () => {
  const stage = stageOn(tables);
  const sealer = await stage.open();
  const things = await stage.fill(sealer);
  copy();
  await stage.shredTenant(sealer, 'g1', scrubbed());
  await sealer.close();
  const before = open(join('backup', 'main.db'));
  const thief = await stage.open(before);
  for (const { kind, place, sealed } of things)
    expect((await thief.open(kind, place, sealed)).toString()).toBe('sk-live');
  await thief.close();
  await before.close();
});

/** A root key for each tenant, as a key service can have it, which can be destroyed there. */
function ownRoots(): KeyProvider & { destroy(tenant: string): void } {
  const roots = new Map<string, KeyProvider>();
  const gone = new Set<string>();
  const of = (tenant: string): KeyProvider => {
    if (gone.has(tenant)) throw refuse('key_unavailable', 'the key is pending deletion');
    const root = roots.get(tenant) ?? envKey(randomBytes(32).toString('hex'));
    roots.set(tenant, root);
    return root;
  };
  return {
    name: 'env',
    generate: async (request) => of(request.tenant).generate(request),
    wrap: async (request) => of(request.tenant).wrap(request),
    unwrap: async (request) => of(request.tenant).unwrap(request),
    rewrap: async (request) => of(request.tenant).rewrap(request),
    describe: async () => (await Promise.all([...roots.values()].map((root) => root.describe()))).flat(),
    close: async () => undefined,
    destroy: (tenant) => void gone.add(tenant),
  };
}

test('with a root key of its own, destroyed at the provider, not even that copy opens', async () => {
  const roots = ownRoots();
  const stage = stageOn(tables, roots);
  const sealer = await stage.open();
  const things = await stage.fill(sealer);
  copy();
  await stage.shredTenant(sealer, 'g1', scrubbed());
  roots.destroy('g1');
  await sealer.close();
  const before = open(join('backup', 'main.db'));
  const thief = await stage.open(before);
  for (const { kind, place, sealed } of things) {
    const opened = await thief.open(kind, place, sealed).then(String, ({ code }: { code: string }) => code);
    expect(opened).toBe(place.tenant === 'g1' ? 'key_unavailable' : 'sk-live');
  }
  await thief.close();
  await before.close();
});

test('key rows brought back into the live store open nothing', async () => {
  const stage = stageOn(tables);
  const sealer = await stage.open();
  const things = await stage.fill(sealer);
  const keys = await tables.query('tenant_keys', { partition: 'g1', limit: 1000 });
  const dataKeys = await tables.query('data_keys', { partition: 'g1', limit: 1000 });
  await stage.shredTenant(sealer, 'g1', scrubbed());
  for (const { item } of keys.items) await tables.put('tenant_keys', item);
  for (const { item } of dataKeys.items) await tables.put('data_keys', item);
  const fresh = await stage.open();
  for (const { kind, place, sealed } of things.filter((thing) => thing.place.tenant === 'g1'))
    for (const opener of [sealer, fresh])
      await expect(opener.open(kind, place, sealed)).rejects.toMatchObject({ code: 'key_shredded' });
  await sealer.close();
  await fresh.close();
});
