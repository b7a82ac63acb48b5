import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { endedCalls, newestCalls, type Call, type CallFilter } from './calls.ts';
import type { Entry } from './entry.ts';
import { attemptOf, listedEntries, outcomeOf } from './fixtures/listed-entries.ts';

const [first, second, third] = [10, 20, 30].map((ts) => attemptOf({ ts, svc: `s${ts}` })) as [
  Entry,
  Entry,
  Entry,
];
// The second ends before the first; the third never does.
const ofSecond = outcomeOf(second, { ts: 25, out: 'denied', code: 'credential_missing', ms: 5 });
const ofFirst = outcomeOf(first, { ts: 40, ms: 30 });
const entries = [first, second, ofSecond, third, ofFirst];

async function all(pages: AsyncIterable<readonly Call[]>): Promise<[string, string | undefined][]> {
  const calls: [string, string | undefined][] = [];
  for await (const page of pages)
    for (const { attempt, outcome } of page) calls.push([attempt.svc ?? '', outcome?.out]);
  return calls;
}

describe.each([1, 2, 1000])('in pages of %i', (pageMax) => {
  const reader = listedEntries(entries, pageMax);

  test('attempts are told with what came of them, the newest first', async () => {
    assert.deepEqual(await all(newestCalls(reader, {})), [
      ['s30', undefined],
      ['s20', 'denied'],
      ['s10', 'success'],
    ]);
  });

  test('or as they ended, those that did not at last', async () => {
    assert.deepEqual(await all(endedCalls(reader, {})), [
      ['s20', 'denied'],
      ['s10', 'success'],
      ['s30', undefined],
    ]);
  });

  test.each<[string, CallFilter, string[]]>([
    ['what was tried', { service: 's10' }, ['s10']],
    ['what came of it', { out: 'denied' }, ['s20']],
    ['its code', { code: 'credential_missing' }, ['s20']],
    ['how long it took', { msMin: 6 }, ['s10']],
    ['both', { service: 's10', out: 'denied' }, []],
    ['nothing having come of it', { out: 'none' }, ['s30']],
    ['the time of the attempt, whenever it ended', { sinceMs: 5, untilMs: 20 }, ['s20', 's10']],
    ['a time behind the attempt', { sinceMs: 11 }, ['s30', 's20']],
  ])('narrowed by %s', async (_, filter, expected) => {
    assert.deepEqual(
      (await all(newestCalls(reader, filter))).map(([service]) => service),
      expected,
    );
    const ended = (await all(endedCalls(reader, filter))).map(([service]) => service);
    assert.deepEqual(ended.toSorted(), expected.toSorted());
  });
});

test('the outcome of another tenant’s attempt is nobody’s', async () => {
  const strange = { ...ofFirst, cause: third.id, tenant: 'other' };
  const reader = listedEntries([...entries, strange]);
  const [newest] = await all(newestCalls(reader, { tenant: 'client-1' }));
  assert.deepEqual(newest, ['s30', undefined]);
});

test('reading ends when all that was meant has ended', async () => {
  const later = Array.from({ length: 50 }, (_, i) => attemptOf({ ts: 100 + i }));
  const base = listedEntries([first, second, ofSecond, ofFirst, ...later], 5);
  let pages = 0;
  const reader = { page: (query: Parameters<typeof base.page>[0]) => ((pages += 1), base.page(query)) };
  assert.equal((await all(endedCalls(reader, { untilMs: 20 }))).length, 2);
  assert.ok(pages < 4);
});
