import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { keysOf } from '../../keys/administration.ts';
import { receiptFor } from '../../keys/fixtures/receipt-for.ts';
import type { CallReader } from '../call-reader.ts';
import type { Call, CallFilter } from '../calls.ts';
import { erasedId } from '../leaf/entry-of.ts';
import { reportNames, type ReportRow } from '../report/reports.ts';
import { reportOf } from '../report/report-of.ts';
import { filters, histories, onHistory, type Happening } from './fixtures/history.ts';

const all = async <V>(pages: AsyncIterable<readonly V[]>): Promise<V[]> => {
  const found: V[] = [];
  for await (const page of pages) found.push(...page);
  return found;
};
const zone = 'Asia/Kathmandu';
const report = (
  reader: CallReader,
  name: (typeof reportNames)[number],
  filter: CallFilter,
): Promise<ReportRow[]> => {
  const { tenant, sinceMs, untilMs } = filter;
  const asked = { name, zoneOf: () => zone, filter: { tenant, sinceMs, untilMs } };
  return all(reportOf(reader, untilMs === undefined ? asked : { ...asked, zone }));
};

describe('the sealed log with what is not sealed yet is the same as the journal', () => {
  test('whatever happened, and whatever is asked for', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        fc.array(filters, { minLength: 3, maxLength: 8 }),
        async (happenings, asked) => {
          await onHistory(happenings, async ({ recorded, sealed }) => {
            for (const filter of [{}, ...asked]) {
              assert.deepEqual(await all(sealed.newest(filter)), await all(recorded.newest(filter)));
              assert.deepEqual(await all(sealed.oldest(filter)), await all(recorded.oldest(filter)));
              assert.deepEqual(await all(sealed.ended(filter)), await all(recorded.ended(filter)));
              assert.deepEqual(await sealed.stats(filter, zone), await recorded.stats(filter, zone));
              for (const name of reportNames)
                assert.deepEqual(
                  await report(sealed, name, filter),
                  await report(recorded, name, filter),
                  name,
                );
            }
          });
        },
      ),
      { numRuns: 15, endOnFailure: true },
    );
  }, 120_000);

  test('each of its entries leads to its call', async () => {
    await fc.assert(
      fc.asyncProperty(histories, async (happenings) => {
        await onHistory(happenings, async ({ entries, recorded, sealed }) => {
          for (const { id, tenant } of entries)
            for (const asked of [tenant, undefined, 'g9'])
              assert.deepEqual(await sealed.find(asked, id), await recorded.find(asked, id));
        });
      }),
      { numRuns: 10, endOnFailure: true },
    );
  }, 120_000);
});

const begin = (tenant: number, kind: number, actor: number): Happening => ({
  of: 'begin',
  tenant,
  kind,
  actor,
});
const end: Happening = { of: 'end', which: 0, how: 0 };
const seal: Happening = { of: 'seal' };

const failed: Happening = { of: 'end', which: 0, how: 2 };
const missed: Happening = { of: 'end', which: 0, how: 3 };
test.each<[string, Happening[]]>([
  ['with its attempt', [begin(0, 0, 0), failed, seal]],
  ['in a later step of the same log', [begin(0, 0, 0), seal, failed, seal]],
  ['in the log of the next month', [begin(0, 0, 0), seal, { of: 'month' }, failed, seal]],
  ['two months later', [begin(0, 2, 2), seal, { of: 'month' }, { of: 'month' }, failed, seal]],
  ['nowhere yet', [begin(0, 0, 0), seal, failed]],
  ['nowhere yet, as an access only by that', [begin(0, 1, 0), seal, missed]],
  ['in the next month, as an access only by that', [begin(0, 1, 0), seal, { of: 'month' }, missed, seal]],
  ['nowhere, and neither does the attempt', [begin(0, 0, 0), failed]],
  [
    'with its attempt, held for the keys',
    [begin(1, 0, 0), end, seal, { of: 'disable' }, begin(1, 0, 0), failed, seal],
  ],
  ['held for the keys', [begin(1, 0, 0), seal, { of: 'disable' }, failed, seal]],
])('an outcome is found when it stands %s', async (_, happenings) => {
  await onHistory([...happenings, begin(2, 5, 1)], async ({ recorded, sealed, stage }) => {
    for (const filter of [
      {},
      { out: 'none' },
      { code: 'open_failed' },
      { out: 'denied' },
      { msMin: 3 },
    ] as const) {
      assert.deepEqual(await all(sealed.newest(filter)), await all(recorded.newest(filter)));
      assert.deepEqual(await all(sealed.oldest(filter)), (await all(recorded.newest(filter))).toReversed());
      assert.deepEqual(await all(sealed.ended(filter)), await all(recorded.ended(filter)));
    }
    for (const name of reportNames)
      assert.deepEqual(await report(sealed, name, {}), await report(recorded, name, {}), name);
    for (const times of [{}, { tenant: 'g0' }, { sinceMs: stage.clock.nowMs }, { out: 'none' }] as const)
      assert.deepEqual(await sealed.stats(times, zone), await recorded.stats(times, zone));
    const calls = await all(recorded.newest({}));
    for (const { attempt, outcome } of calls)
      for (const entry of [attempt, ...(outcome === undefined ? [] : [outcome])])
        assert.deepEqual(await sealed.find(undefined, entry.id), { attempt, outcome });
  });
});

test('of things whose tenant is gone nobody says how often they were opened, and of others while they are closed', async () => {
  const things = ['g0', 'g1', 'g2'].map((tenant) => ({ object: 'connection:shop#u0#default', tenant }));
  const always = { sinceMs: 0, untilMs: Infinity };
  await onHistory(
    [begin(0, 0, 0), end, begin(1, 0, 0), seal, begin(1, 0, 0)],
    async ({ stage, sealed, shred }) => {
      const said = async () =>
        Promise.all(things.map(async (thing) => (await sealed.openings([thing], always)).get(thing.object)));
      assert.deepEqual(await said(), [1, 2, 0]);
      const { administration } = stage.sealer;
      await administration.disable(await receiptFor('key.disable', keysOf('g1')), 'g1');
      await stage.log.keyring.forget('g1');
      await shred({ tenant: 'g0' });
      assert.deepEqual(await said(), [undefined, 'closed', 0]);
    },
  );
});

test('what ended elsewhere of a tenant whose keys were destroyed is counted once', async () => {
  const happenings = [begin(0, 0, 0), begin(0, 2, 2), seal, { of: 'month' } as const, end, seal, failed];
  await onHistory(happenings, async ({ recorded, sealed, shred }) => {
    const whole = await recorded.stats({}, zone);
    assert.deepEqual(await sealed.stats({}, zone), whole);
    await shred({ tenant: 'g0' });
    assert.deepEqual(await sealed.stats({}, zone), whole);
  });
});

test('a zone that there is not is refused', async () => {
  await onHistory([begin(0, 0, 0), seal], async ({ sealed }) => {
    await assert.rejects(sealed.stats({}, 'Mars/Olympus'), { code: 'item_invalid' });
  });
});

test('calls beyond many slices come once each, in order', async () => {
  const many = Array.from({ length: 700 }, (_, n) => [
    begin(n % 2, 0, 0),
    ...(n % 5 === 0 ? [] : [end]),
  ]).flat();
  const half = many.length / 2;
  await onHistory(
    [...many.slice(0, half), seal, ...many.slice(half), seal, begin(0, 0, 0)],
    async (history) => {
      const { recorded, sealed } = history;
      for (const filter of [
        {},
        { tenant: 'g1' },
        { out: 'none' },
        { actor: 'u0', out: 'success' },
      ] as const) {
        assert.deepEqual(await all(sealed.newest(filter)), await all(recorded.newest(filter)));
        assert.deepEqual(await all(sealed.ended(filter)), await all(recorded.ended(filter)));
      }
    },
  );
});

const idsOf = (calls: readonly Call[]) => calls.map(({ attempt }) => attempt.id);

test('of a person whose keys were destroyed calls are there, and do not say whose they were', async () => {
  await onHistory([begin(0, 0, 0), end, begin(0, 0, 1), end, seal], async ({ recorded, sealed, shred }) => {
    await shred({ subject: 'u0' });
    const found = await all(sealed.newest({}));
    assert.deepEqual(idsOf(found), idsOf(await all(recorded.newest({}))));
    assert.deepEqual(
      found.map(({ attempt: { actor, src } }) => [actor?.id, src?.ip]),
      [
        ['u1', '192.0.2.1'],
        [erasedId, undefined],
      ],
    );
    assert.deepEqual(await all(sealed.newest({ actor: 'u0' })), []);
    assert.deepEqual(await all(sealed.ended({ ip: '192.0.2.0' })), []);
  });
});

test('of a tenant whose keys were destroyed calls are found by what stands in clear, and by nothing else', async () => {
  const happenings = [begin(0, 0, 0), end, begin(1, 0, 0), end, seal, begin(0, 2, 2), end, seal];
  await onHistory(happenings, async ({ recorded, sealed, shred }) => {
    const own = idsOf(await all(recorded.newest({ tenant: 'g0' })));
    await shred({ tenant: 'g0' });
    for (const filter of [{ tenant: 'g0' }, { tenant: 'g0', out: 'success' }] as const)
      assert.deepEqual(idsOf(await all(sealed.newest(filter))), own);
    const [{ attempt }] = (await all(sealed.newest({ tenant: 'g0' }))) as [Call];
    assert.deepEqual(
      [attempt.act, attempt.svc, attempt.actor, attempt.obj],
      ['token.get', 'stripe', undefined, undefined],
    );
    assert.deepEqual(idsOf(await all(sealed.newest({ act: 'token.get' }))), own.slice(0, 1));
    assert.deepEqual(await all(sealed.newest({ tenant: 'g0', actor: 'u0' })), []);
    assert.deepEqual(idsOf(await all(sealed.newest({ actor: 'u0' }))).length, 1);
    assert.deepEqual(await sealed.stats({}, zone), await recorded.stats({}, zone), 'it stands in clear');
    const services = await report(sealed, 'services', {});
    assert.deepEqual(
      services.map(({ service, accesses, clients }) => [service, accesses, clients]),
      [['shop', 1, 1]],
      'nobody can say what was accessed',
    );
  });
});

test('a tenant whose keys are disabled is refused by name, and says of itself what stands in clear among all', async () => {
  const happenings: Happening[] = [begin(1, 0, 0), end, begin(0, 0, 0), end, seal];
  await onHistory(happenings, async ({ stage, sealed, recorded }) => {
    await stage.sealer.administration.disable(await receiptFor('key.disable', keysOf('g1')), 'g1');
    await assert.rejects(all(sealed.newest({ tenant: 'g1' })), { code: 'key_disabled' });
    await assert.rejects(all(sealed.ended({ tenant: 'g1' })), { code: 'key_disabled' });
    const found = await all(sealed.newest({}));
    assert.deepEqual(idsOf(found), idsOf(await all(recorded.newest({}))));
    assert.deepEqual(
      found.map(({ attempt }) => attempt.actor?.id),
      ['u0', undefined],
    );
    await assert.rejects(sealed.stats({ tenant: 'g1' }, zone), { code: 'key_disabled' });
    assert.deepEqual(await sealed.stats({}, zone), await recorded.stats({}, zone));
  });
});
