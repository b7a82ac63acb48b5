import { hash } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import type { OpenedSealer } from '../open-sealer.ts';
import { changeTenantState } from '../tenant-state.ts';
import { placeOf, plainOrder, stageOn, type SealedThing } from './fixtures/stage.ts';
import { verifyReceipt } from './shredding-receipt.ts';

const now = Date.now;
const opened: OpenedSealer[] = [];
afterEach(() => Promise.all(opened.splice(0).map((sealer) => sealer.close())));

async function setUp() {
  const stage = stageOn(memoryTables({ now }));
  const open = async (): Promise<OpenedSealer> => {
    const sealer = await stage.open();
    opened.push(sealer);
    return sealer;
  };
  const [one, other] = [await open(), await open()];
  const things = await stage.fill(one);
  // Both hold every key open.
  for (const { kind, place, sealed } of things) await other.open(kind, place, sealed);
  return { ...stage, open, one, other, things };
}

async function codeOf({ kind, place, sealed }: SealedThing, sealer: OpenedSealer): Promise<string> {
  return sealer.open(kind, place, sealed).then(
    () => 'opened',
    (error: { code: string }) => error.code,
  );
}

async function rowsOf(tables: Awaited<ReturnType<typeof setUp>>['tables'], tenant: string) {
  const keys = await tables.query('tenant_keys', { partition: tenant, limit: 1000 });
  const dataKeys = await tables.query('data_keys', { partition: tenant, limit: 1000 });
  return [...keys.items.map(({ item }) => item.version), ...dataKeys.items.map(({ item }) => item.dataKey)];
}

describe('a tenant that was shredded', () => {
  test('opens nowhere: not here, not on another instance, not after a start; the other tenant is unharmed', async () => {
    const { shredTenant, one, other, open, things, tables } = await setUp();
    const before = await rowsOf(tables, 'g2');
    await shredTenant(one, 'g1');
    await new Promise(setImmediate);
    for (const sealer of [one, other, await open()])
      for (const thing of things)
        expect(await codeOf(thing, sealer)).toBe(thing.place.tenant === 'g1' ? 'key_shredded' : 'opened');
    expect(await rowsOf(tables, 'g1')).toEqual(['!state']);
    expect(await rowsOf(tables, 'g2')).toEqual(before);
  });

  test('seals nothing any more, and no key is made for it', async () => {
    const { shredTenant, one, other, open, tables } = await setUp();
    await shredTenant(one, 'g1');
    await new Promise(setImmediate);
    for (const sealer of [one, other, await open()])
      for (const kind of ['token', 'session', 'client_secret'] as const)
        for (const subject of ['', 'ann', 'new'])
          await expect(sealer.seal(kind, placeOf('g1', subject), Buffer.from('x'))).rejects.toMatchObject({
            code: 'key_shredded',
          });
    expect(await rowsOf(tables, 'g1')).toEqual(['!state']);
  });

  test('has no sealed rows left, and the receipt counts what went', async () => {
    const { shredTenant, one, tables } = await setUp();
    const { receipt } = await shredTenant(one, 'g1');
    for (const table of ['connections', 'oauth_tokens', 'invitations'] as const) {
      const { items } = await tables.scan(table, { limit: 1000 });
      expect(items.filter(({ item }) => item['groupId'] === 'g1')).toEqual([]);
    }
    expect((await tables.scan('connections', { limit: 1000 })).items).toHaveLength(3);
    expect(receipt.removed).toEqual({ connections: 3, oauth_tokens: 3, invitations: 1 });
    expect(receipt).toMatchObject({
      deployment: one.deployment,
      of: { kind: 'tenant', id: 'g1' },
      tenants: ['g1'],
      by: { entry: expect.stringMatching(/^[0-9a-f-]{36}$/), correlation: 'r1' },
      keys: { tenantKeys: 1 },
      wrappedBy: [{ provider: 'env', keyRef: expect.stringMatching(/^[\w-]{22}$/) }],
      storage: { store: 'memory' },
    });
    const { dataKeys, listed, digest } = receipt.keys;
    expect(dataKeys).toBe(listed.length - 1);
    const lines = listed.map(({ table, tenant, name, commitmentDigest }) => [
      table,
      tenant,
      name,
      commitmentDigest,
    ]);
    const over = (before: string, line: unknown): string =>
      hash('sha256', before + JSON.stringify(line), 'hex');
    expect(lines.reduce(over, '')).toBe(digest);
    expect(new Set(receipt.keys.listed.map(({ name }) => name)).size).toBe(receipt.keys.listed.length);
  });

  test('is shredded once: asked again the same receipt comes, also from another instance', async () => {
    const { shredTenant, one, other } = await setUp();
    const first = await shredTenant(one, 'g1');
    expect(await shredTenant(other, 'g1')).toEqual(first);
    expect((await one.administration.shredding({ kind: 'tenant', id: 'g1' }))?.receipt).toEqual(first);
    const asked = verifyReceipt(JSON.stringify(first), await other.administration.signingKey());
    expect(asked).toEqual({ genuine: true, receipt: first.receipt });
  });

  test('cannot be enabled again', async () => {
    const { shredTenant, one, tables } = await setUp();
    await shredTenant(one, 'g1');
    await expect(changeTenantState({ tables, now }, 'g1', { state: 'live' })).rejects.toMatchObject({
      code: 'key_shredded',
    });
  });

  test('of which a key row was put back is shredded anew', async () => {
    const { shredTenant, one, tables } = await setUp();
    const stolen = await tables.get('tenant_keys', { tenant: 'g1', version: '000001' });
    const first = await shredTenant(one, 'g1');
    await tables.put('tenant_keys', stolen!.item);
    const second = await shredTenant(one, 'g1');
    expect(second.receipt.id).not.toBe(first.receipt.id);
    expect(second.receipt.keys).toMatchObject({ tenantKeys: 1, dataKeys: 0 });
    expect(await rowsOf(tables, 'g1')).toEqual(['!state']);
  });

  test('is never the deployment itself, nor one without a receipt of the journal', async () => {
    const { shredTenant, shredPerson, one, tables } = await setUp();
    await expect(shredTenant(one, '_system')).rejects.toMatchObject({ code: 'item_invalid' });
    const person = { subject: 'ann', tenants: ['_system'], places: [] };
    await expect(shredPerson(one, person)).rejects.toMatchObject({ code: 'item_invalid' });
    const forged = { entry: 'e' } as unknown as Parameters<typeof one.administration.shredTenant>[0];
    await expect(one.administration.shredTenant(forged, 'g1', plainOrder)).rejects.toMatchObject({
      code: 'receipt_invalid',
    });
    expect(await one.administration.shredding({ kind: 'tenant', id: '_system' })).toBeUndefined();
    expect((await rowsOf(tables, 'g1')).length).toBeGreaterThan(3);
  });
});

describe('a person who was shredded', () => {
  const ann = { subject: 'ann', tenants: [], places: ['g1'] };

  test('opens in no tenant; everybody else does', async () => {
    const { shredPerson, one, other, open, things } = await setUp();
    const { receipt } = await shredPerson(one, ann);
    await new Promise(setImmediate);
    for (const sealer of [one, other, await open()])
      for (const thing of things)
        // A session carries its key under the tenant's own; it is the record that has to go.
        expect([thing.place.subject, thing.kind, await codeOf(thing, sealer)]).toEqual([
          thing.place.subject,
          thing.kind,
          thing.place.subject === 'ann' && thing.kind !== 'session' ? 'key_shredded' : 'opened',
        ]);
    expect(receipt.keys).toMatchObject({ tenantKeys: 0, dataKeys: 6 });
    expect(receipt.removed).toEqual({ connections: 2, oauth_tokens: 2 });
  });

  test('gets no key any more where they had some or were let in, of whatever kind', async () => {
    const { shredPerson, one, other } = await setUp();
    await shredPerson(one, { ...ann, places: ['g1', 'g3'] });
    await new Promise(setImmediate);
    for (const sealer of [one, other])
      for (const tenant of ['g1', 'g2', 'g3'])
        for (const kind of ['token', 'credential', 'client_secret', 'handle'] as const)
          await expect(sealer.seal(kind, placeOf(tenant, 'ann'), Buffer.from('x'))).rejects.toMatchObject({
            code: 'key_shredded',
          });
    await one.seal('token', placeOf('g1', 'bob'), Buffer.from('x'));
  });

  test('takes their own tenant along', async () => {
    const { shredPerson, one, things, tables } = await setUp();
    const { receipt } = await shredPerson(one, { ...ann, tenants: ['g2'] });
    expect(receipt.tenants).toEqual(['g2']);
    for (const thing of things.filter(({ place }) => place.tenant === 'g2'))
      expect(await codeOf(thing, one)).toBe('key_shredded');
    expect(await rowsOf(tables, 'g2')).toEqual(['!state']);
    expect(receipt.keys.tenantKeys).toBe(1);
  });

  test('does not keep a tenant that was shredded before from going on', async () => {
    const { shredPerson, shredTenant, one } = await setUp();
    await shredTenant(one, 'g1');
    const { receipt } = await shredPerson(one, ann);
    expect(receipt.keys.dataKeys).toBe(3);
    expect((await shredPerson(one, ann)).receipt).toEqual(receipt);
  });
});
