import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { Entry } from './entry.ts';
import { everyEntry } from './every-entry.ts';
import { filterText, type EntryFilter } from './filter.ts';
import { findCall } from './find-call.ts';
import { attemptOf, listedEntries, outcomeOf } from './fixtures/listed-entries.ts';
import { followEntries, type FollowFilter } from './follow.ts';
import { journalCalls } from './call-reader.ts';
import { openJournal, type Journal } from './journal.ts';

let directory: string;
let journal: Journal;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-filters-'));
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer: oneKeySealer(), now: Date.now });
});
afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

const write = async (...entries: readonly Entry[]): Promise<void> => {
  for (const entry of entries) await journal.append(JSON.stringify(entry));
};
const found = async (filter: EntryFilter, order: 'newest' | 'oldest' = 'oldest'): Promise<string[]> => {
  const ids: string[] = [];
  for await (const page of everyEntry(journal, { ...filter, order })) ids.push(...page.map(({ id }) => id));
  return ids;
};

const attempt = attemptOf({
  tenant: 'g1',
  act: 'tool.call',
  actor: { type: 'person', id: 'u1' },
  svc: 'shop',
  obj: 'connection:g1/shop#u1#default',
  req: { method: 'tools/call', tool: 'orders' },
  src: { source: 'mcp', ip: '192.0.2.7', agent: 'agent/1' },
  corr: 'request-1',
  ts: 2000,
});
const outcome = outcomeOf(attempt, { out: 'failure', code: '502', ms: 40, ts: 2040 });
const other = attemptOf({ tenant: 'g2', corr: 'request-2', ts: 3000 });

describe('entries are narrowed by', () => {
  test.each<[keyof EntryFilter, EntryFilter, EntryFilter]>([
    ['id', { id: attempt.id }, { id: other.id.replace(/.$/, 'f') }],
    ['tenant', { tenant: 'g1' }, { tenant: 'g3' }],
    ['act', { act: 'tool.call' }, { act: 'tool.list' }],
    ['actor', { actor: 'u1' }, { actor: 'u' }],
    ['service', { service: 'shop' }, { service: 'sho' }],
    ['object', { object: 'connection:g1/shop#u1#default' }, { object: 'connection:g1/shop' }],
    ['tool', { tool: 'orders' }, { tool: 'Orders' }],
    ['source', { source: 'mcp' }, { source: 'cli' }],
    ['request', { request: 'request-1' }, { request: 'request' }],
    ['ip', { ip: '192.0.2.7' }, { ip: '192.0.2.70' }],
    ['agent', { agent: 'agent/1' }, { agent: 'agent' }],
    ['cause', { cause: attempt.id }, { cause: other.id }],
    ['out', { out: 'failure' }, { out: 'denied' }],
    ['code', { code: '502' }, { code: '50' }],
    ['msMin', { msMin: 40 }, { msMin: 41 }],
  ])('%s', async (name, matching, missing) => {
    await write(attempt, outcome, other);
    const expected = ['tenant', 'request'].includes(name)
      ? [attempt.id, outcome.id]
      : ['cause', 'out', 'code', 'msMin'].includes(name)
        ? [outcome.id]
        : [attempt.id];
    assert.deepEqual(await found(matching), expected);
    assert.deepEqual(await found(matching, 'newest'), expected.toReversed());
    assert.deepEqual(await found(missing), []);
    const both = { ...matching, tenant: 'g1', service: 'none' };
    assert.deepEqual(await found(both), []);
  });

  test('time, from both ends', async () => {
    await write(...Array.from({ length: 40 }, (_, i) => attemptOf({ ts: 1000 + i, corr: `at ${1000 + i}` })));
    const times = async (filter: EntryFilter, order: 'newest' | 'oldest') => {
      const { entries } = await journal.page({ ...filter, order, limit: 1000 });
      return [entries[0]?.ts, entries.at(-1)?.ts, entries.length];
    };
    assert.deepEqual(await times({ sinceMs: 1010, untilMs: 1019 }, 'oldest'), [1010, 1019, 10]);
    assert.deepEqual(await times({ sinceMs: 1010, untilMs: 1019 }, 'newest'), [1019, 1010, 10]);
    assert.deepEqual(await times({ untilMs: 1000 }, 'newest'), [1000, 1000, 1]);
    assert.deepEqual(await times({ untilMs: 999 }, 'newest'), [undefined, undefined, 0]);
    assert.deepEqual(await times({ untilMs: 5000 }, 'newest'), [1039, 1000, 40]);
    assert.deepEqual(await times({ sinceMs: 5000 }, 'oldest'), [undefined, undefined, 0]);
  });
});

test('a cursor is of one filter and of no other', async () => {
  await write(...Array.from({ length: 4 }, () => attemptOf({ tenant: 'g1' })));
  const query = { tenant: 'g1', order: 'oldest', limit: 2 } as const;
  const { cursor = '' } = await journal.page(query);
  assert.equal((await journal.page({ ...query, cursor })).entries.length, 2);
  for (const changed of [
    { tenant: 'g2' },
    { tenant: undefined },
    { actor: 'checkout' },
    { untilMs: 9e12 },
    { msMin: 0 },
    { order: 'newest' },
    { follow: true },
  ] as const)
    await assert.rejects(journal.page({ ...query, ...changed, cursor }), { code: 'cursor_invalid' });
});

test('a name that stands in another field makes another filter', () => {
  const texts = [{ act: 'x' }, { actor: 'x' }, { service: 'x' }, { act: 'x', actor: 'x' }, {}].map(
    filterText,
  );
  assert.equal(new Set(texts).size, texts.length);
});

test('a page says how far it was read', async () => {
  await write(...Array.from({ length: 10 }, () => attemptOf()));
  const { cursor, reached } = await journal.page({ order: 'oldest', limit: 4 });
  assert.deepEqual(reached, { entry: 4, of: 10 });
  const rest = await journal.page({ order: 'oldest', limit: 4, cursor: cursor! });
  assert.deepEqual(rest.reached, { entry: 8, of: 10 });
  assert.deepEqual((await journal.page({ order: 'newest', limit: 4 })).reached, { entry: 7, of: 10 });
});

const followed = (filter: FollowFilter, pause: () => Promise<unknown>, nowMs = 0) =>
  followEntries({ journal, calls: journalCalls(journal), nowMs }, filter, pause);

test('who follows gets what is there and what comes, each once, with the outcomes of what is meant', async () => {
  const wanted = { tenant: 'g1', service: 'shop' };
  await write(attempt, other);
  const late = attemptOf({ tenant: 'g1', svc: 'shop' });
  const unwanted = attemptOf({ tenant: 'g1', svc: 'docs' });
  const steps = [() => write(outcome, outcomeOf(other)), () => write(unwanted, late, outcomeOf(unwanted))];
  const seen: string[] = [];
  for await (const page of followed(wanted, async () => steps.shift()?.())) {
    seen.push(...page.map(({ id }) => id));
    if (seen.includes(late.id)) break;
  }
  assert.deepEqual(seen, [attempt.id, outcome.id, late.id]);
});

test('who follows from an earlier time gets what the journal has no more, then what comes, each once', async () => {
  const nowMs = 1_700_000_100_000;
  const old = attemptOf({ ts: nowMs - 60_000, tenant: 'g1' });
  const open = attemptOf({ ts: nowMs - 50_000, tenant: 'g1' });
  const lately = attemptOf({ ts: nowMs - 2000, tenant: 'g1' });
  const there = [old, outcomeOf(old), open, lately, outcomeOf(lately)];
  await write(lately, there[4]!);
  const ends = outcomeOf(open, { ts: nowMs + 1000 });
  const late = attemptOf({ ts: nowMs + 2000, tenant: 'g1' });
  const late2 = attemptOf({ ts: nowMs + 2001, tenant: 'g2' });
  const steps = [() => write(ends, late, late2)];
  const seen: string[] = [];
  const calls = journalCalls(listedEntries(there));
  const asked = { tenant: 'g1', sinceMs: nowMs - 55_000 };
  for await (const page of followEntries({ journal, calls, nowMs }, asked, async () => steps.shift()?.())) {
    seen.push(...page.map(({ id }) => id));
    if (seen.includes(late.id)) break;
  }
  assert.deepEqual(seen, [lately.id, there[4]!.id, open.id, ends.id, late.id]);
});

test('who follows an empty journal gets its first entry', async () => {
  const first = attemptOf();
  for await (const page of followed({}, () => write(first)))
    if (page.length > 0) {
      assert.equal(page[0]?.id, first.id);
      break;
    }
});

test('a call is found by either of its ids, and only in its tenant', async () => {
  await write(attempt, outcome, other);
  assert.deepEqual(await findCall(journal, 'g1', attempt.id), { attempt, outcome });
  assert.deepEqual(await findCall(journal, undefined, outcome.id), { attempt, outcome });
  assert.deepEqual(await findCall(journal, 'g2', other.id), { attempt: other, outcome: undefined });
  for (const id of [attempt.id, outcome.id]) assert.equal(await findCall(journal, 'g2', id), undefined);
  for (const id of ['', 'x', attempt.id.replace(/.$/, 'f'), `${attempt.id} `])
    assert.equal(await findCall(journal, 'g1', id), undefined);
});
