import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { refuse } from '../refusal.ts';
import { parseRecord } from '../seal/record.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { envKey } from './env-key.ts';
import { openSealer, type OpenedSealer, type SealerParts } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';
import type { Place, PlacedKind } from './sealer.ts';

const plain = Buffer.from('sk-live-4242');
const kindsAtPlaces: readonly PlacedKind[] = [
  'token',
  'credential',
  'session',
  'client_secret',
  'record',
  'system',
  'handle',
  'journal',
];
const opened: OpenedSealer[] = [];
afterEach(() => Promise.all(opened.splice(0).map((sealer) => sealer.close())));

describe('what is sealed opens at its place', () => {
  test.each(kindsAtPlaces)('for kind %s, in both suites, and after a restart', async (kind) => {
    const bench = setUp();
    for (const suite of [1, 2] as const) {
      const sealed = await (await bench.open({ suite })).seal(kind, place(), plain);
      expect(sealed.includes(plain)).toBe(false);
      expect(await (await bench.open()).open(kind, place(), sealed)).toEqual(plain);
    }
  });

  test('a suite chosen later applies to new data keys and old records still open', async () => {
    const bench = setUp();
    const old = await (await bench.open({ suite: 2 })).seal('token', place(), plain);
    bench.clock.nowMs += 24 * 3_600_000;
    const sealer = await bench.open({ suite: 1 });
    const fresh = await sealer.seal('token', place(), plain);
    expect([parseRecord(old).suite, parseRecord(fresh).suite]).toEqual([2, 1]);
    expect(await sealer.open('token', place(), old)).toEqual(plain);
  });

  test('whatever the subject is called', async () => {
    const sealer = await setUp().open();
    const subjects = ['', 'u', 'u#active', 'u#', '#u', '%23', '#', '%', 'é😀\0\n', 'u'.repeat(900)];
    const sealed = await Promise.all(
      subjects.map((subject) => sealer.seal('token', place({ subject }), plain)),
    );
    expect(new Set(sealed.map((each) => parseRecord(each).dataKeyId.toString())).size).toBe(subjects.length);
    for (const [index, subject] of subjects.entries())
      expect(await sealer.open('token', place({ subject }), sealed[index] ?? plain)).toEqual(plain);
  });

  test.each([
    ['no tenant', { tenant: '' }],
    ['a lone surrogate', { subject: '\ud800' }],
    ['a subject longer than a key of the store', { subject: '#'.repeat(400) }],
    ['a fraction as epoch', { epoch: 1.5 }],
    ['a negative epoch', { epoch: -1 }],
    ['no epoch', { epoch: undefined as unknown as number }],
    ['a number as record', { record: 5 as unknown as string }],
  ])('a place with %s is refused', async (_, odd) => {
    const sealer = await setUp().open();
    await expect(sealer.seal('token', place(odd), plain)).rejects.toMatchObject({ code: 'context_invalid' });
  });
});

describe('session records have keys of their own', () => {
  test('a thousand sessions carry a thousand distinct wrapped keys', async () => {
    const sealer = await setUp().open();
    const sealed = await Promise.all(
      Array.from({ length: 1000 }, () => sealer.seal('session', place(), plain)),
    );
    const parsed = sealed.map((each) => parseRecord(each));
    expect(new Set(parsed.map((each) => Buffer.from(each.dataKeyId).toString('hex'))).size).toBe(1000);
    expect(new Set(parsed.map((each) => Buffer.from(each.wrapped ?? []).toString('hex'))).size).toBe(1000);
    expect((await sealer.describe()).open.dataKeys).toBeLessThan(2);
  });

  test('they are of suite 2, whatever the suite of shared keys', async () => {
    for (const suite of [1, 2] as const) {
      const sealer = await setUp().open({ suite });
      expect(parseRecord(await sealer.seal('session', place(), plain)).suite).toBe(2);
    }
  });

  test('one that was opened is kept for its tenant’s other keys’ time, up to a thousand of them', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    const sealed = await sealer.seal('session', place(), plain);
    for (let n = 0; n < 3; n += 1) expect(await sealer.open('session', place(), sealed)).toEqual(plain);
    expect((await sealer.describe()).open.dataKeys).toBe(1 + 1);
    for (let n = 0; n < 1100; n += 1)
      await sealer.open('session', place(), await sealer.seal('session', place(), plain));
    expect((await sealer.describe()).open.dataKeys).toBe(1 + 1000);
    expect(await sealer.open('session', place(), sealed)).toEqual(plain);
    bench.clock.nowMs += 331_000;
    bench.asked.length = 0;
    expect(await sealer.open('session', place(), sealed)).toEqual(plain);
    expect(bench.asked).toEqual(['unwrap g1']);
  });

  test('one that was opened is gone when its tenant is revoked', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    const sealed = await sealer.seal('session', place(), plain);
    await sealer.open('session', place(), sealed);
    sealer.revoke('g1');
    bench.down.add('g1');
    await expect(sealer.open('session', place(), sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
  });

  test('destroying the key of one kills that session alone', async () => {
    const sealer = await setUp().open();
    const [one, other] = [
      await sealer.seal('session', place(), plain),
      await sealer.seal('session', place(), plain),
    ];
    parseRecord(one).wrapped?.fill(0);
    await expect(sealer.open('session', place(), one)).rejects.toMatchObject({ code: 'open_failed' });
    expect(await sealer.open('session', place(), other)).toEqual(plain);
  });
});

describe('keys are kept open, and not for long', () => {
  test('one unwrap serves every kind and subject of a tenant for five minutes', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    await sealer.seal('token', place(), plain);
    bench.asked.length = 0;
    for (let n = 0; n < 50; n += 1)
      await sealer
        .open('token', place(), await sealer.seal('token', place({ subject: `u${n}` }), plain))
        .catch(() => undefined);
    bench.clock.nowMs += 269_000;
    await sealer.seal('credential', place(), plain);
    expect(bench.asked).toEqual([]);
    bench.clock.nowMs += 62_000;
    await sealer.seal('credential', place(), plain);
    expect(bench.asked).toEqual(['unwrap g1']);
  });

  test('twenty at once ask once', async () => {
    const bench = setUp();
    const sealed = await (await bench.open()).seal('token', place(), plain);
    const sealer = await bench.open();
    bench.asked.length = 0;
    const all = await Promise.all(Array.from({ length: 20 }, () => sealer.open('token', place(), sealed)));
    expect(all.every((each) => each.equals(plain))).toBe(true);
    expect(bench.asked).toEqual(['unwrap g1']);
  });

  test('never more than twenty unwraps are under way', async () => {
    const bench = setUp();
    const first = await bench.open();
    const tenants = Array.from({ length: 100 }, (_, n) => `g${n}`);
    const sealed = await Promise.all(tenants.map((tenant) => first.seal('token', place({ tenant }), plain)));
    const sealer = await bench.open();
    bench.flights.most = 0;
    await Promise.all(
      tenants.map((tenant, n) => sealer.open('token', place({ tenant }), sealed[n] ?? plain)),
    );
    expect(bench.flights.most).toBe(20);
  });

  test('a provider that is down is asked again only after a second, and other tenants do not wait for it', async () => {
    const bench = setUp();
    const first = await bench.open();
    const sealed = await first.seal('token', place(), plain);
    const other = await first.seal('token', place({ tenant: 'g2' }), plain);
    const sealer = await bench.open();
    bench.asked.length = 0;
    bench.down.add('g1');
    for (let n = 0; n < 5; n += 1)
      await expect(sealer.open('token', place(), sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
    expect(bench.asked).toEqual(['unwrap g1']);
    expect(await sealer.open('token', place({ tenant: 'g2' }), other)).toEqual(plain);
    bench.down.clear();
    bench.clock.nowMs += 1000;
    expect(await sealer.open('token', place(), sealed)).toEqual(plain);
  });

  test('a tenant with many subjects keeps 64 data keys open, and a hundred at once all get theirs', async () => {
    const sealer = await setUp().open();
    const subjects = Array.from({ length: 200 }, (_, n) => `u${n}`);
    const sealed = await Promise.all(
      subjects.map((subject) => sealer.seal('token', place({ subject }), plain)),
    );
    const again = await Promise.all(
      subjects.map((subject, n) => sealer.open('token', place({ subject }), sealed[n] ?? plain)),
    );
    expect(again.every((each) => each.equals(plain))).toBe(true);
    expect((await sealer.describe()).open.dataKeys).toBe(64 + 1);
  });

  test('more tenants than fit are served, one after the other', async () => {
    const sealer = await setUp().open({ tenantsMax: 3 });
    for (let round = 0; round < 2; round += 1)
      for (let n = 0; n < 10; n += 1) await sealer.seal('token', place({ tenant: `g${n}` }), plain);
    expect((await sealer.describe()).open.tenants).toBe(3);
  });
});

describe('data keys change', () => {
  test('after a day, and the old one still opens', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    const old = await sealer.seal('token', place(), plain);
    bench.clock.nowMs += 24 * 3_600_000 - 1;
    const same = await sealer.seal('token', place(), plain);
    bench.clock.nowMs += 1;
    const fresh = await sealer.seal('token', place(), plain);
    expect(parseRecord(same).dataKeyId).toEqual(parseRecord(old).dataKeyId);
    expect(parseRecord(fresh).dataKeyId).not.toEqual(parseRecord(old).dataKeyId);
    for (const each of [old, same, fresh]) expect(await sealer.open('token', place(), each)).toEqual(plain);
  });

  test('twenty processes that start together agree on one, today and after it aged', async () => {
    const bench = setUp();
    const sealers = await Promise.all(Array.from({ length: 20 }, () => bench.open()));
    for (const _ of ['first', 'after a day']) {
      const sealed = await Promise.all(sealers.map((sealer) => sealer.seal('token', place(), plain)));
      expect(
        new Set(sealed.map((each) => Buffer.from(parseRecord(each).dataKeyId).toString('hex'))).size,
      ).toBe(1);
      for (const each of sealed) expect(await sealers[7]?.open('token', place(), each)).toEqual(plain);
      bench.clock.nowMs += 24 * 3_600_000;
    }
    expect((await bench.tables.scan('tenant_keys', { limit: 100 })).items).toHaveLength(2);
  });

  test('shredding a subject ends its records and nobody else’s', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    const [gone, kept] = [
      await sealer.seal('token', place(), plain),
      await sealer.seal('token', place({ subject: 'u2' }), plain),
    ];
    const range = { beginsWith: 'token#u1#' };
    const rows = await bench.tables.query('data_keys', { partition: 'g1', range, limit: 10 });
    await bench.tables.transact(
      rows.items.map(({ item }) => ({
        remove: 'data_keys',
        key: { tenant: item.tenant, dataKey: item.dataKey },
      })),
    );
    sealer.revoke('g1');
    await expect(sealer.open('token', place(), gone)).rejects.toMatchObject({ code: 'open_failed' });
    expect(await sealer.open('token', place({ subject: 'u2' }), kept)).toEqual(plain);
    const fresh = await sealer.seal('token', place(), plain);
    expect(await sealer.open('token', place(), fresh)).toEqual(plain);
  });
});

describe('revoke', () => {
  test('the next use unwraps anew', async () => {
    const bench = setUp();
    const sealer = await bench.open();
    const sealed = await sealer.seal('token', place(), plain);
    bench.asked.length = 0;
    sealer.revoke('g1');
    bench.down.add('g1');
    await expect(sealer.open('token', place(), sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
    expect(bench.asked).toEqual(['unwrap g1']);
  });

  test('an open that was under way does not put the key back', async () => {
    const bench = setUp();
    const sealed = await (await bench.open()).seal('token', place(), plain);
    const sealer = await bench.open();
    const gate = bench.holdUnwraps();
    const inFlight = sealer.open('token', place(), sealed).catch((error: unknown) => error);
    await gate.reached;
    sealer.revoke('g1');
    bench.down.add('g1');
    gate.release();
    // The key that came back belongs to the life before: it is wiped, and the provider is asked again.
    expect(await inFlight).toMatchObject({ code: 'key_unavailable' });
    await expect(sealer.open('token', place(), sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
    expect((await sealer.describe()).open.dataKeys).toBe(1);
  });

  test('an open that was under way is served when the tenant may still be', async () => {
    const bench = setUp();
    const sealed = await (await bench.open()).seal('token', place(), plain);
    const sealer = await bench.open();
    const gate = bench.holdUnwraps();
    const inFlight = sealer.open('token', place(), sealed);
    await gate.reached;
    sealer.revoke('g1');
    bench.asked.length = 0;
    gate.release();
    expect(await inFlight).toEqual(plain);
    expect(bench.asked).toEqual(['unwrap g1']);
  });

  test('a closed sealer opens nothing', async () => {
    const sealer = await setUp().open();
    const sealed = await sealer.seal('token', place(), plain);
    await sealer.close();
    await expect(sealer.open('token', place(), sealed)).rejects.toMatchObject({ code: 'key_unavailable' });
    await expect(sealer.seal('token', place(), plain)).rejects.toMatchObject({ code: 'key_unavailable' });
  });
});

test('blinded names are the same everywhere in a deployment, and another deployment has others', async () => {
  const bench = setUp();
  const [one, two] = [await bench.open(), await bench.open()];
  const stranger = await setUp().open();
  expect(one.blind('a', 'bc')).toBe(two.blind('a', 'bc'));
  expect(one.blind('a', 'bc')).not.toBe(one.blind('ab', 'c'));
  expect(one.blind('a', 'bc')).not.toBe(stranger.blind('a', 'bc'));
  expect(() => one.blind('a', '\ud800')).toThrow(expect.objectContaining({ code: 'context_invalid' }));
});

function place(changed: Partial<Place> = {}): Place {
  return {
    tenant: 'g1',
    subject: 'u1',
    table: 'connections',
    record: 'r1',
    field: 'credential',
    epoch: 7,
    ...changed,
  };
}

function setUp() {
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;
  const tables = memoryTables({ now });
  const root = envKey(randomBytes(32).toString('hex'));
  const asked: string[] = [];
  const down = new Set<string>();
  const flights = { now: 0, most: 0 };
  let held = Promise.resolve();
  let reached = (): void => undefined;
  const provider: KeyProvider = {
    ...root,
    async unwrap(request) {
      asked.push(`unwrap ${request.tenant}`);
      if (down.has(request.tenant)) throw refuse('key_unavailable', 'the key service does not answer');
      flights.most = Math.max(flights.most, (flights.now += 1));
      reached();
      await held;
      await new Promise((resolve) => setImmediate(resolve));
      flights.now -= 1;
      return root.unwrap(request);
    },
  };
  return {
    clock,
    tables,
    asked,
    down,
    flights,
    async open(parts: Partial<SealerParts> = {}): Promise<OpenedSealer> {
      const sealer = await openSealer({ tables, provider, now, ...parts });
      opened.push(sealer);
      return sealer;
    },
    holdUnwraps() {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return { reached: new Promise<void>((resolve) => (reached = resolve)), release: () => release() };
    },
  };
}
