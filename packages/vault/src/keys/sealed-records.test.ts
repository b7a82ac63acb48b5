import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { memoryRecords } from '../store/memory/records.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { tableRecords } from '../store/records-on-tables.ts';
import type { Records } from '../store/records.ts';
import { recordsContract } from '../store/records-contract.ts';
import { systemTenant } from './system-tenant.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import { sealedRecords, type RecordSealing } from './sealed-records.ts';

const now = () => 1_700_000_000_000;
const root = randomBytes(32).toString('hex');
const endsAtMs = now() + 60_000;
const sessions: RecordSealing = { kind: 'session', table: 'mcp_sessions', tenant: systemTenant };
// The wrapper keeps part of an adapter's 256 KiB for itself; its own bound is tested below.
const largest = 'values of 256 KiB with ten owners are kept, more is refused';

describe.each(['memory', 'tables'])('sealed records over %s keep every promise of Records', (over) => {
  test.each(recordsContract.filter(({ name }) => name !== largest))('$name', ({ run }) =>
    run(async ({ now: clock }) => {
      const tables = memoryTables({ now: clock, indexLagMs: 0 });
      const inner = over === 'memory' ? memoryRecords({ now: clock }) : tableRecords(tables, { now: clock });
      const sealer = await openSealer({
        tables: memoryTables({ now: clock }),
        provider: envKey(root),
        now: clock,
      });
      const records = sealedRecords(inner, sealer, { ...sessions, kind: 'record' });
      return { records, settle: async () => tables.settle(), close: () => records.close() };
    }),
  );

  test('the case that is left out is still called so', () => {
    expect(recordsContract.map(({ name }) => name)).toContain(largest);
  });
});

test('values of 248 KiB are kept, one byte more is refused', async () => {
  const { open } = await setUp();
  const records = open(sessions);
  const bytes = randomBytes(248 * 1024);
  const owners = Array.from({ length: 10 }, (_, n) => `${n}${'o'.repeat(511)}`);
  expect(await records.put('n'.repeat(512), bytes, { endsAtMs, owners })).toBeDefined();
  expect((await records.get('n'.repeat(512)))?.bytes).toEqual(new Uint8Array(bytes));
  const more = Buffer.concat([bytes, Buffer.alloc(1)]);
  await expect(records.put('n', more, { endsAtMs })).rejects.toMatchObject({ code: 'item_invalid' });
});

test('no name, owner or byte of a record is in any raw row or key', async () => {
  const { open, tables } = await setUp();
  const records = open(sessions);
  const clear = ['session-4242', 'alice@example.org', 'grant-4242', 'refresh-4242'];
  const owners = [clear[1] ?? '', clear[2] ?? ''];
  await records.put('session-4242', Buffer.from('refresh-4242'), { endsAtMs, owners });
  const raw = await Promise.all(
    (['records', 'record_owners', 'data_keys', 'tenant_keys', 'deployment'] as const).map((table) =>
      tables.scan(table, { limit: 100 }),
    ),
  );
  expect(raw.flatMap(({ items }) => items).length).toBeGreaterThan(4);
  const dump = JSON.stringify(raw);
  for (const text of clear)
    for (const form of [
      text,
      Buffer.from(text).toString('base64url').slice(0, -2),
      Buffer.from(text).toString('hex'),
    ])
      if (dump.includes(form)) throw new Error(`${form} lies in clear`);
});

test('a stolen name finds nothing', async () => {
  const { open, inner } = await setUp();
  const records = open(sessions);
  await records.put('session-4242', Buffer.from('x'), { endsAtMs });
  const [stolen = ''] = (await inner.scan({ limit: 1 })).names;
  expect(await records.get(stolen)).toBeUndefined();
  expect(await records.take(stolen)).toBeUndefined();
});

test.each([
  ['tenant', { tenant: 'g1' }],
  ['subject', { subject: 'u1' }],
  ['table', { table: 'web_sessions' }],
] as const)('records of another %s are not found, listed or scanned', async (_, other) => {
  const { open } = await setUp();
  const [mine, theirs] = [open(sessions), open({ ...sessions, ...other })];
  await mine.put('n', Buffer.from('mine'), { endsAtMs, owners: ['u'] });
  expect(await theirs.get('n')).toBeUndefined();
  await theirs.put('n', Buffer.from('theirs'), { endsAtMs, owners: ['u'] });
  expect((await mine.get('n'))?.bytes).toEqual(new Uint8Array(Buffer.from('mine')));
  expect((await mine.list('u', { limit: 9 })).names).toEqual(['n']);
  expect((await mine.scan({ limit: 9 })).names).toEqual(['n']);
  expect((await theirs.take('n'))?.bytes).toEqual(new Uint8Array(Buffer.from('theirs')));
  expect(await mine.get('n')).toBeDefined();
});

test('a value moved under another name, tenant or table does not open', async () => {
  const { open, inner } = await setUp();
  for (const [from, to] of [
    [sessions, sessions],
    [sessions, { ...sessions, tenant: 'g1' }],
    [sessions, { ...sessions, table: 'web_sessions' }],
    [sessions, { ...sessions, kind: 'record' as const }],
  ] as const) {
    const [source, target] = [open(from), open(to)];
    await source.put('one', Buffer.from('one'), { endsAtMs });
    const sealed = await rawOf(inner, 'one', source);
    await target.put('two', Buffer.from('two'), { endsAtMs });
    const before = new Set((await inner.scan({ limit: 100 })).names);
    await target.put('three', Buffer.from('three'), { endsAtMs });
    const name = (await inner.scan({ limit: 100 })).names.find((each) => !before.has(each)) ?? '';
    await inner.put(name, sealed, { endsAtMs });
    await expect(target.get('three')).rejects.toMatchObject({ code: 'open_failed' });
    await expect(target.take('three')).rejects.toMatchObject({ code: 'open_failed' });
    for (const each of (await inner.scan({ limit: 100 })).names) await inner.take(each);
  }
});

test('a changed record is refused by get and left out of a scan', async () => {
  const { open, inner } = await setUp();
  const records = open(sessions);
  await records.put('kept', Buffer.from('x'), { endsAtMs });
  await records.put('n', Buffer.from('x'), { endsAtMs });
  const sealed = Buffer.from(await rawOf(inner, 'n', records));
  sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1;
  for (const name of (await inner.scan({ limit: 9 })).names)
    if (
      Buffer.from((await inner.get(name))?.bytes ?? [])
        .subarray(0, -1)
        .equals(sealed.subarray(0, -1))
    )
      await inner.put(name, sealed, { endsAtMs });
  await expect(records.get('n')).rejects.toMatchObject({ code: 'open_failed' });
  expect((await records.scan({ limit: 9 })).names).toEqual(['kept']);
});

// The raw bytes under a name: those that change when it is written again.
async function rawOf(inner: Records, name: string, records: Records): Promise<Uint8Array> {
  const read = async () => {
    const { names } = await inner.scan({ limit: 100 });
    return new Map(
      await Promise.all(names.map(async (each) => [each, (await inner.get(each))?.bytes] as const)),
    );
  };
  const before = await read();
  await records.put(name, Buffer.from('x'), { endsAtMs });
  for (const [each, bytes] of await read())
    if (!Buffer.from(bytes ?? []).equals(Buffer.from(before.get(each) ?? [])))
      return bytes ?? Buffer.alloc(0);
  throw new Error('no raw record changed');
}

async function setUp() {
  const tables = memoryTables({ now });
  const inner = tableRecords(tables, { now });
  const sealer = await openSealer({ tables, provider: envKey(root), now });
  return { tables, inner, open: (sealing: RecordSealing) => sealedRecords(inner, sealer, sealing) };
}
