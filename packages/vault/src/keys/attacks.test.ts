import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { Refusal } from '../refusal.ts';
import { kinds } from '../seal/kinds.ts';
import { parseRecord } from '../seal/record.ts';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import type { ItemOf } from '../store/tables.ts';
import { envKey } from './env-key.ts';
import { openSealer, type OpenedSealer } from './open-sealer.ts';
import { plantedSwaps } from './planted-swaps.ts';
import type { Place, PlacedKind } from './sealer.ts';

// Whoever can write the whole store, and has no root key, must not be able to make anything open in another place.

const now = () => 1_700_000_000_000;
const plain = Buffer.from('sk-live-of-alice');
const root = randomBytes(32).toString('hex');
const alice: Place = {
  tenant: 'g1',
  subject: 'alice',
  table: 'connections',
  record: 'r1',
  field: 'credential',
  epoch: 7,
};
const placedKinds = Object.keys(kinds).filter(
  (kind) => kind !== 'data_key' && kind !== 'tenant_key',
) as PlacedKind[];

const elsewhere: readonly (readonly [string, Partial<Place>])[] = [
  ['another tenant', { tenant: 'g2' }],
  ['a tenant with no keys', { tenant: 'g9' }],
  ['another subject', { subject: 'bob' }],
  ['the whole tenant', { subject: '' }],
  ['another table', { table: 'oauth_tokens' }],
  ['another record', { record: 'r2' }],
  ['another field', { field: 'token' }],
  ['an older epoch', { epoch: 6 }],
  ['a newer epoch', { epoch: 8 }],
  ['no epoch at all', { epoch: Number.NaN }],
  ['parts run together', { table: 'connectionsr1', record: '' }],
];

// What was opened before has its key in memory.
describe.each([
  ['credential', 'whose key is in memory'],
  ['session', 'that was never opened'],
  ['session', 'that was opened before'],
] as const)('a sealed %s %s', (kind, state) => {
  let sealer: OpenedSealer;
  let sealed: Buffer;
  beforeAll(async () => {
    sealer = await openSealer({ tables: memoryTables({ now }), provider: envKey(root), now });
    for (const place of [
      alice,
      { ...alice, tenant: 'g2' },
      { ...alice, subject: 'bob' },
      { ...alice, subject: '' },
    ])
      for (const each of placedKinds) sealed = await sealer.seal(each, place, plain);
    sealed = await sealer.seal(kind, alice, plain);
    if (state === 'that was opened before') await sealer.open(kind, alice, sealed);
  });

  test.each(elsewhere)('does not open in %s', async (_, moved) => {
    await expect(sealer.open(kind, { ...alice, ...moved }, sealed)).rejects.toMatchObject({
      code: 'open_failed',
    });
  });

  test.each(placedKinds.filter((each) => each !== kind))(
    'does not open as %s, with its own header or theirs',
    async (as) => {
      await expect(sealer.open(as, alice, sealed)).rejects.toMatchObject({ code: 'open_failed' });
      const relabelled = Buffer.from(sealed);
      relabelled[2] = kinds[as].code;
      await expect(sealer.open(as, alice, relabelled)).rejects.toMatchObject({ code: 'open_failed' });
    },
  );

  test('does not open with any bit of it changed', async () => {
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const bytes = Buffer.from(sealed);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const refusal = await sealer.open(kind, alice, bytes).catch((error: unknown) => error);
      expect(refusal, `bit ${bit}`).toBeInstanceOf(Refusal);
      expect((refusal as Refusal).code, `bit ${bit}`).toMatch(
        bit < 8 ? /record_version_unknown/u : /^open_failed$/u,
      );
    }
  });

  test('does not open cut at any length, nor longer', async () => {
    for (let length = 0; length < sealed.length; length += 1)
      await expect(sealer.open(kind, alice, sealed.subarray(0, length))).rejects.toBeInstanceOf(Refusal);
    const longer = Buffer.concat([sealed, randomBytes(1)]);
    await expect(sealer.open(kind, alice, longer)).rejects.toMatchObject({ code: 'open_failed' });
  });

  test('does not open in another deployment under the same root key', async () => {
    const other = await openSealer({ tables: memoryTables({ now }), provider: envKey(root), now });
    await expect(other.open(kind, alice, sealed)).rejects.toBeInstanceOf(Refusal);
  });

  test('does not open as sealed under the other suite', async () => {
    const bytes = Buffer.from(sealed);
    bytes[1] = 3 - (bytes[1] ?? 0);
    await expect(sealer.open(kind, alice, bytes)).rejects.toMatchObject({ code: 'open_failed' });
  });
});

describe('an id, a wrapped key and a body of different records do not go together', () => {
  test.each(['before', 'after'])(
    'the wrapped key of one session does not open another, %s both were opened',
    async (when) => {
      const sealer = await openSealer({ tables: memoryTables({ now }), provider: envKey(root), now });
      const bob = { ...alice, subject: 'bob' };
      const one = await sealer.seal('session', alice, plain);
      const bobs = await sealer.seal('session', bob, plain);
      if (when === 'after')
        await Promise.all([sealer.open('session', alice, one), sealer.open('session', bob, bobs)]);
      const mixed = Buffer.from(one);
      Buffer.from(parseRecord(bobs).wrapped ?? []).copy(mixed, 22);
      await expect(sealer.open('session', alice, mixed)).rejects.toMatchObject({ code: 'open_failed' });
    },
  );
});

type Rows = Readonly<Record<'g1' | 'g2', Readonly<Record<string, ItemOf<'data_keys'>>>>>;

// Each attack rewrites key rows and then tries to read Alice's record and to seal for her.
const rowAttacks: readonly (readonly [string, (rows: Rows) => readonly object[]])[] = [
  [
    'a data key of another tenant',
    ({ g1, g2 }) => [{ ...g2['alice'], tenant: 'g1', dataKey: g1['alice']?.dataKey }],
  ],
  ['a data key of another subject', ({ g1 }) => [{ ...g1['bob'], dataKey: g1['alice']?.dataKey }]],
  ['a data key of another kind', ({ g1 }) => [{ ...g1['token'], dataKey: g1['alice']?.dataKey }]],
  ['another commitment', ({ g1 }) => [{ ...g1['alice'], commitment: g1['bob']?.['commitment'] }]],
  ['a cut commitment', ({ g1 }) => [{ ...g1['alice'], commitment: 'AAAA' }]],
  ['another suite', ({ g1 }) => [{ ...g1['alice'], suite: 2 }]],
  ['a suite nobody knows', ({ g1 }) => [{ ...g1['alice'], suite: 3 }]],
  ['another wrapped key', ({ g1 }) => [{ ...g1['alice'], wrapped: g1['bob']?.['wrapped'] }]],
  ['another tenant key version', ({ g1 }) => [{ ...g1['alice'], kekVersion: '000002' }]],
  ['a disabled state', ({ g1 }) => [{ ...g1['alice'], state: 'disabled' }]],
  ['rubbish', ({ g1 }) => [{ tenant: 'g1', dataKey: g1['alice']?.dataKey }]],
];

describe('a changed row of data_keys opens and seals nothing', () => {
  test.each(rowAttacks)('%s', async (_, attack) => {
    const { tables, sealed, rows } = await populated();
    for (const item of attack(rows)) await tables.put('data_keys', item as ItemOf<'data_keys'>);
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    await expect(sealer.open('credential', alice, sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
    await expect(sealer.seal('credential', alice, plain)).rejects.toMatchObject({ code: 'key_unavailable' });
  });

  test.each([
    ['another subject', ({ g1 }: Rows) => g1['bob']?.dataKey.slice(-22)],
    ['another tenant', ({ g2 }: Rows) => g2['alice']?.dataKey.slice(-22)],
    ['nothing', () => 'AAAAAAAAAAAAAAAAAAAAAA'],
    ['no text', () => 5],
  ])('a pointer to a key of %s', async (_, id) => {
    const { tables, rows } = await populated();
    const pointer = { tenant: 'g1', dataKey: 'credential#alice#active', id: id(rows) };
    await tables.put('data_keys', pointer as ItemOf<'data_keys'>);
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    await expect(sealer.seal('credential', alice, plain)).rejects.toMatchObject({ code: 'key_unavailable' });
  });

  test('a foreign row under its own id beside a pointer to it', async () => {
    const { tables, rows } = await populated();
    const id = rows.g1['bob']?.dataKey.slice(-22) ?? '';
    await tables.put('data_keys', { ...rows.g1['bob'], tenant: 'g1', dataKey: `credential#alice#${id}` });
    await tables.put('data_keys', { tenant: 'g1', dataKey: 'credential#alice#active', id });
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    await expect(sealer.seal('credential', alice, plain)).rejects.toMatchObject({ code: 'key_unavailable' });
    const bobs = await sealer.seal('credential', { ...alice, subject: 'bob' }, plain);
    await expect(sealer.open('credential', alice, bobs)).rejects.toBeInstanceOf(Refusal);
  });
});

describe('a changed row of tenant_keys opens and seals nothing', () => {
  test.each([
    ['the key of another tenant', (_: ItemOf<'tenant_keys'>, theirs: ItemOf<'tenant_keys'>) => theirs],
    ['another wrapped key', (mine, theirs) => ({ ...mine, wrapped: theirs['wrapped'] })],
    ['another commitment', (mine, theirs) => ({ ...mine, commitment: theirs['commitment'] })],
    ['another suite', (mine) => ({ ...mine, suite: 2 })],
    ['another root key', (mine) => ({ ...mine, keyRef: 'AAAAAAAAAAAAAAAAAAAAAA' })],
    ['rubbish', () => ({})],
  ] satisfies [string, (mine: ItemOf<'tenant_keys'>, theirs: ItemOf<'tenant_keys'>) => object][])(
    '%s',
    async (_, change) => {
      const { tables, sealed } = await populated();
      const row = async (tenant: string) => {
        const stored = await tables.get('tenant_keys', { tenant, version: '000001' });
        return stored?.item ?? { tenant, version: '000001' };
      };
      await tables.put('tenant_keys', {
        ...change(await row('g1'), await row('g2')),
        tenant: 'g1',
        version: '000001',
      });
      const sealer = await openSealer({ tables, provider: envKey(root), now });
      await expect(sealer.open('credential', alice, sealed)).rejects.toMatchObject({
        code: 'key_unavailable',
      });
      await expect(sealer.seal('credential', alice, plain)).rejects.toMatchObject({
        code: 'key_unavailable',
      });
      await expect(sealer.seal('session', alice, plain)).rejects.toMatchObject({ code: 'key_unavailable' });
    },
  );

  test('a row of version 1 put in the place of version 2', async () => {
    const { tables } = await populated();
    const stored = await tables.get('tenant_keys', { tenant: 'g1', version: '000001' });
    await tables.put('tenant_keys', { ...stored?.item, tenant: 'g1', version: '000002' });
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    await expect(sealer.seal('session', alice, plain)).rejects.toMatchObject({ code: 'key_unavailable' });
  });
});

test('the self-check of doctor finds every planted swap refused, and would tell', async () => {
  const tables = memoryTables({ now });
  const sealer = await openSealer({ tables, provider: envKey(root), now });
  const swaps = await plantedSwaps(sealer);
  expect(swaps.length).toBeGreaterThan(100);
  expect(swaps.filter(({ refused }) => !refused)).toEqual([]);
  expect((await tables.scan('tenant_keys', { limit: 10 })).items.map(({ item }) => item.tenant)).toEqual([
    '_system',
  ]);
  const loose = {
    ...sealer,
    open: (kind: PlacedKind, place: Place, sealed: Uint8Array) =>
      sealer.open(kind, { ...place, epoch: 1 }, sealed),
  };
  expect((await plantedSwaps(loose)).filter(({ refused }) => !refused).map(({ name }) => name)).toEqual([
    'opened after a new grant',
    'opened before its grant',
  ]);
});

async function populated(): Promise<{ tables: MemoryTables; sealed: Buffer; rows: Rows }> {
  const tables = memoryTables({ now });
  const sealer = await openSealer({ tables, provider: envKey(root), now });
  const sealed = await sealer.seal('credential', alice, plain);
  await sealer.seal('credential', { ...alice, subject: 'bob' }, plain);
  await sealer.seal('credential', { ...alice, tenant: 'g2' }, plain);
  await sealer.seal('token', alice, plain);
  await sealer.close();
  const rows = async (tenant: string) => {
    const { items } = await tables.query('data_keys', { partition: tenant, limit: 100 });
    const keys = items.map(({ item }) => item).filter((item) => typeof item['wrapped'] === 'string');
    return Object.fromEntries(
      keys.map((item) => [item.dataKey.startsWith('token') ? 'token' : item.dataKey.split('#')[1], item]),
    );
  };
  return { tables, sealed, rows: { g1: await rows('g1'), g2: await rows('g2') } };
}
