import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { newestCalls } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { attemptOf, listedEntries, outcomeOf } from '../fixtures/listed-entries.ts';
import { reportColumns, reportNames, reportRows, type ReportName, type ReportRow } from './reports.ts';
import { searchCalls } from './search.ts';
import { statsOf } from './stats.ts';

const at = (time: string): number => Date.parse(`2026-11-${time}Z`);
const call = (attempt: Entry, given: Partial<Entry> = {}): Entry[] => [attempt, outcomeOf(attempt, given)];
const entries = [
  ...call(attemptOf({ ts: at('20T10:00:00') })),
  ...call(attemptOf({ ts: at('20T16:20:00'), tenant: 'client-2', obj: 'token:client-2/stripe' })),
  ...call(attemptOf({ ts: at('21T03:00:00'), act: 'token.store', actor: { type: 'client', id: 'billing' } })),
  ...call(attemptOf({ ts: at('21T12:00:00') }), { out: 'failure', code: 'open_failed' }),
  ...call(attemptOf({ ts: at('21T12:01:00') }), { out: 'failure', code: 'token_absent' }),
  ...call(attemptOf({ ts: at('21T12:02:00'), act: 'token.store' }), {
    out: 'failure',
    code: 'key_unavailable',
  }),
  // The gateway: an upstream that fails was reached with an open credential.
  ...call(
    attemptOf({
      ts: at('21T13:00:00'),
      tenant: 'g1',
      act: 'tool.call',
      svc: 'shop',
      obj: 'connection:g1/shop#u1#default',
      actor: { type: 'person', id: 'u1' },
    }),
    { out: 'failure', code: '502' },
  ),
  ...call(
    attemptOf({ ts: at('21T13:01:00'), tenant: 'g1', act: 'tool.call', svc: 'shop', obj: 'upstream:shop' }),
    {
      out: 'denied',
      code: 'credential_missing',
    },
  ),
  ...call(
    attemptOf({ ts: at('21T13:02:00'), tenant: 'g1', act: 'tool.call', svc: 'open', obj: 'upstream:open' }),
  ),
  ...call(attemptOf({ ts: at('21T13:03:00'), tenant: 'g1', act: 'gateway.start', obj: 'gateway' })),
];
const reader = listedEntries(entries, 3);

async function rows(name: ReportName, filter = {}, zone = 'UTC'): Promise<readonly ReportRow[]> {
  const all: ReportRow[] = [];
  for await (const page of reportRows(name, newestCalls(reader, filter), { zoneOf: () => zone }))
    all.push(...page);
  return all;
}

describe('a report', () => {
  test('names each access of one client, hit or miss, the newest first', async () => {
    const found = await rows('accesses', { tenant: 'client-1' });
    assert.deepEqual(
      found.map(({ time, service, act, outcome, code }) => [time, service, act, outcome, code]),
      [
        ['2026-11-21T12:02:00.000Z', 'checkout', 'token.store', 'failure', 'key_unavailable'],
        ['2026-11-21T12:01:00.000Z', 'checkout', 'token.get', 'failure', 'token_absent'],
        ['2026-11-21T12:00:00.000Z', 'checkout', 'token.get', 'failure', 'open_failed'],
        ['2026-11-21T03:00:00.000Z', 'billing', 'token.store', 'success', ''],
        ['2026-11-20T10:00:00.000Z', 'checkout', 'token.get', 'success', ''],
      ],
    );
  });

  test('names accesses outside the business hours of the zone', async () => {
    const hours = async (zone: string) => (await rows('hours', {}, zone)).map(({ local }) => local);
    assert.deepEqual(await hours('UTC'), ['2026-11-21 03:00+00:00']);
    assert.deepEqual(await hours('Asia/Kathmandu'), ['2026-11-20 22:05+05:45']);
  });

  test('counts accesses by service, as many as are asked for, ties by name', async () => {
    const found = await rows('services');
    assert.deepEqual(
      found.map(({ service, accesses, failed, clients }) => [service, accesses, failed, clients]),
      [
        ['checkout', 5, 2, 2],
        ['shop', 2, 1, 1],
        ['billing', 1, 0, 1],
      ],
    );
    const many = Array.from({ length: 30 }, (_, i) =>
      attemptOf({ actor: { type: 'client', id: `service-${String(i % 12).padStart(2, '0')}` } }),
    );
    const top: ReportRow[] = [];
    const calls = newestCalls(listedEntries(many), {});
    for await (const page of reportRows('services', calls, { zoneOf: () => 'UTC' })) top.push(...page);
    assert.deepEqual(
      top.map(({ service, accesses }) => `${service} ${accesses}`),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => `service-0${i} ${i < 6 ? 3 : 2}`),
    );
  });

  test('names what was to be opened and was not, and nothing that failed behind it', async () => {
    assert.deepEqual(
      (await rows('failures')).map(({ client, act, code }) => [client, act, code]),
      [
        ['g1', 'tool.call', 'credential_missing'],
        ['client-1', 'token.get', 'token_absent'],
        ['client-1', 'token.get', 'open_failed'],
      ],
    );
  });

  test.each(reportNames)('%s has a value for each column and no other', async (name) => {
    for (const row of await rows(name)) assert.deepEqual(Object.keys(row), reportColumns[name]);
  });
});

test('calls are counted by act, outcome, service and day of a zone', async () => {
  const stats = await statsOf(newestCalls(reader, {}), 'Pacific/Kiritimati');
  assert.equal(stats.calls, 10);
  assert.deepEqual(stats.acts[0], { name: 'token.get', calls: 4 });
  assert.deepEqual(
    stats.outcomes,
    [
      { name: 'failure', calls: 4 },
      { name: 'success', calls: 5 },
      { name: 'denied', calls: 1 },
    ].toSorted((a, b) => b.calls - a.calls),
  );
  assert.deepEqual(stats.days, [
    { name: '2026-11-21', calls: 3 },
    { name: '2026-11-22', calls: 7 },
  ]);
  const none = await statsOf(newestCalls(listedEntries([attemptOf()]), {}), 'UTC');
  assert.deepEqual(none.outcomes, [{ name: 'none', calls: 1 }]);
});

describe('a search', () => {
  const bounds = { foundMax: 10, lookedMax: 100 };
  test('finds a text in the names of a call, in upper or lower case', async () => {
    const search = async (text: string) =>
      (await searchCalls(newestCalls(reader, {}), text, bounds)).calls.length;
    assert.deepEqual(
      [await search('SHOP'), await search('billing'), await search('token_absent'), await search('nowhere')],
      [2, 1, 1, 0],
    );
  });

  test('says so when it stopped before the end', async () => {
    const bounded = async (given: Partial<typeof bounds>) => {
      const { calls, looked, whole } = await searchCalls(newestCalls(reader, {}), 'token.', {
        ...bounds,
        ...given,
      });
      return [calls.length, looked, whole];
    };
    assert.deepEqual(await bounded({}), [6, 10, true]);
    assert.deepEqual(await bounded({ foundMax: 1 }), [1, 5, false]);
    assert.deepEqual(await bounded({ lookedMax: 4 }), [0, 4, false]);
  });
});
