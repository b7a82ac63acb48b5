import { createHmac } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  journalCalls,
  objectOf,
  openAudit,
  hoursJudge,
  openJournal,
  paramsKeeper,
  type Audit,
  type AuditContext,
  type Call,
  type Entry,
  type Journal,
} from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditOperations } from './audit-operations.ts';
import type { Operator } from './recorded.ts';

let directory: string;
let journal: Journal;
let audit: Audit;
let failing = false;
let atMs = Date.now();
const tag = (purpose: string, text: string): string =>
  createHmac('sha256', 'key of g1').update(`${purpose} ${text}`).digest('base64url').slice(0, 22);
const judge = hoursJudge();
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sealgate-audit-operations-'));
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer: oneKeySealer(), now: Date.now });
  const real = openAudit({
    journal,
    params: paramsKeeper(() => tag),
    flagsOf: () => judge('UTC', atMs),
  });
  failing = false;
  audit = {
    ...real,
    record: (...given) => (failing ? Promise.reject(new Error('no disk')) : real.record(...given)),
  };
});
afterEach(async () => {
  await journal.close();
  await rm(directory, { recursive: true });
});

const contextIn = (tenant: string): AuditContext => ({
  tenant,
  actor: { type: 'person', id: 'u1' },
  source: 'mcp',
  correlation: `r-${tenant}`,
});
const operator: Operator = { context: contextIn('g1'), subject: 'u1' };
const connection = 'shop#u1#default';

async function use(tenant: string, code?: string, params?: unknown): Promise<string> {
  const context = contextIn(tenant);
  const object = objectOf(tenant, connection);
  const fields = { act: 'tool.call', object, service: 'shop', request: { params } } as const;
  const { entry } = await audit.record('strict', context, fields);
  audit.outcome(entry, context, code === undefined ? { out: 'success' } : { out: 'error', code });
  return entry;
}

const checkUses = async () => ({ uses: 0, lacking: [] });
const ask = (name: keyof ReturnType<typeof auditOperations>, input: object = {}): Promise<unknown> =>
  auditOperations({
    audit,
    journal,
    calls: journalCalls(journal),
    checkUses,
    tagsOf: async (tenant) => (tenant === 'g1' ? tag : undefined),
    zoneOf: () => 'Asia/Kathmandu',
    now: Date.now,
  })[name].run(operator, input);
async function pieces<T>(name: Parameters<typeof ask>[0], input: object = {}): Promise<T[]> {
  const all: T[] = [];
  for await (const piece of (await ask(name, input)) as AsyncIterable<T>) all.push(piece);
  return all;
}
const listed = async (input: object = {}): Promise<readonly Call[]> =>
  (await pieces<readonly Call[]>('audit.list', input)).flat();
const uses = async (input: object = {}): Promise<string[]> =>
  (await listed({ act: 'tool.call', ...input })).map(({ attempt }) => attempt.tenant);
const reads = async (): Promise<unknown[]> => {
  // A strict entry takes what is queued along to the disk.
  await audit.record('strict', contextIn('g1'), { act: 'gateway.start', object: 'gateway' });
  const { entries } = await journal.page({ order: 'oldest', limit: 1000 });
  return entries
    .filter(({ act }) => act?.startsWith('audit.'))
    .map(({ id, act, obj, cls }) => [act, obj, cls, entries.find(({ cause }) => cause === id)?.out]);
};

describe('the log that is shown', () => {
  test('is of the own group, of another that is named, or of all', async () => {
    for (const tenant of ['g1', 'g2', 'g1']) await use(tenant);
    expect(await uses()).toEqual(['g1', 'g1']);
    expect(await uses({ tenant: 'g2' })).toEqual(['g2']);
    expect(await uses({ tenant: '*', order: 'oldest' })).toEqual(['g1', 'g2', 'g1']);
    expect(await uses({ limit: 1 })).toEqual(['g1']);
  });

  test('is narrowed by credential, which is one of a group', async () => {
    await use('g1');
    await use('g2', 'open_failed');
    await reads();
    expect(await uses({ connection })).toEqual(['g1']);
    expect(await uses({ tenant: 'g2', connection, code: 'open_failed' })).toEqual(['g2']);
    expect(await uses({ connection: 'shop#u2#default' })).toEqual([]);
    for (const wrong of [
      { tenant: '*', connection },
      { connection, object: 'gateway' },
    ])
      await expect(ask('audit.list', wrong)).rejects.toMatchObject({ code: 'usage' });
  });

  test('is narrowed by parameter, which nobody can read', async () => {
    const order = { order: 4711, note: 'bananas' };
    const wanted = await use('g1', undefined, order);
    await use('g1', undefined, { order: 4712 });
    await use('g2', undefined, order);
    const found = await listed({ params: [{ name: 'order', value: '4711' }] });
    expect(found.map(({ attempt }) => attempt.id)).toEqual([wanted]);
    expect(JSON.stringify(found)).not.toMatch(/4711|bananas/);
    const both = [
      { name: 'order', value: '4711' },
      { name: 'note', value: 'apples' },
    ];
    expect(await listed({ params: both })).toEqual([]);
    // Without the key of that group nothing is found, and nobody has the keys of all.
    expect(await listed({ tenant: 'g2', params: [{ name: 'order', value: '4711' }] })).toEqual([]);
    await expect(ask('audit.list', { tenant: '*', params: both })).rejects.toMatchObject({ code: 'usage' });
    expect(await reads()).toHaveLength(3);
  });

  test('is narrowed by what stood out when it was recorded', async () => {
    atMs = Date.parse('2026-11-22T12:00:00Z');
    await use('g1');
    atMs = Date.parse('2026-11-22T03:00:00Z');
    const odd = await use('g1');
    expect((await listed({ flag: 'hours', act: 'tool.call' })).map(({ attempt }) => attempt.id)).toEqual([
      odd,
    ]);
    const hours = async (zone?: string) =>
      (
        await pieces<readonly { zone: string }[]>('audit.report', {
          report: 'hours',
          sinceMs: 0,
          ...(zone && { zone }),
        })
      ).flat();
    expect(await hours()).toMatchObject([{ zone: 'Asia/Kathmandu' }]);
    // The entries are of now: on some clock of the world all of them are outside, on the opposite one none.
    const hour = new Date().getUTCHours();
    const zoneAt = (wanted: number): string => {
      const east = ((wanted - hour + 36) % 24) - 12;
      return east === 0 ? 'UTC' : `Etc/GMT${east > 0 ? '-' : '+'}${Math.abs(east)}`;
    };
    expect(await hours(zoneAt(2))).toHaveLength(2);
    expect(await hours(zoneAt(14))).toHaveLength(0);
  });

  test('shows one call by its id, of no group but the one that is asked for', async () => {
    const [mine, theirs] = [await use('g1', 'open_failed'), await use('g2')];
    await reads();
    expect(await ask('audit.show', { id: mine })).toMatchObject({
      attempt: { id: mine, act: 'tool.call' },
      outcome: { cause: mine, code: 'open_failed' },
    });
    await expect(ask('audit.show', { id: theirs })).rejects.toMatchObject({ code: 'not_found' });
    expect(await ask('audit.show', { id: theirs, tenant: '*' })).toMatchObject({ attempt: { id: theirs } });
  });

  test('is counted, searched and reported', async () => {
    for (const tenant of ['g1', 'g2', 'g2']) await use(tenant, 'key_unavailable');
    await reads();
    expect(await ask('audit.stats', { act: 'tool.call', tenant: '*' })).toMatchObject({
      calls: 3,
      services: [{ name: 'shop', calls: 3 }],
    });
    expect(await ask('audit.search', { text: 'SHOP#u1' })).toMatchObject({ whole: true, calls: [{}] });
    const failures = async (input: object) =>
      (await pieces<readonly object[]>('audit.report', { report: 'failures', sinceMs: 0, ...input })).flat();
    expect(await failures({})).toHaveLength(3);
    expect(await failures({ tenant: 'g2' })).toHaveLength(2);
  });

  test.each([
    ['audit.list', { limit: 0 }],
    ['audit.list', { order: 'random' }],
    ['audit.list', { nothing: 'known' }],
    ['audit.search', { text: 'x' }],
    ['audit.report', { report: 'all', sinceMs: 0 }],
    ['audit.export', { format: 'pdf' }],
    ['audit.export', {}],
    ['audit.verify', { tenant: 'g1' }],
  ] as const)('is refused to %s with %j', async (name, input) => {
    await expect(ask(name, input)).rejects.toMatchObject({ code: 'usage' });
    expect(await reads()).toEqual([]);
  });
});

describe('reading the log is in the log', () => {
  test('with whose it was, and how it ended', async () => {
    await use('g1');
    await listed();
    await listed({ tenant: '*' });
    await ask('audit.stats', { tenant: 'g2' });
    await ask('audit.verify');
    await expect(ask('audit.show', { id: 'none' })).rejects.toMatchObject({ code: 'not_found' });
    await pieces('audit.export', { format: 'csv' });
    expect(await reads()).toEqual([
      ['audit.read', 'log:g1', 'async', 'success'],
      ['audit.read', 'log:*', 'async', 'success'],
      ['audit.read', 'log:g2', 'async', 'success'],
      ['audit.verify', 'log:*', 'async', 'success'],
      ['audit.read', 'log:g1', 'async', 'failure'],
      ['audit.export', 'log:g1', 'strict', 'success'],
    ]);
  });

  test('when somebody stops in the middle, too', async () => {
    for (let n = 0; n < 3; n += 1) await use('g1');
    for await (const _ of (await ask('audit.export', { format: 'csv' })) as AsyncIterable<unknown>) break;
    expect(await reads()).toEqual([['audit.export', 'log:g1', 'strict', 'aborted']]);
  });

  test('and without its entry nothing is read', async () => {
    await use('g1');
    failing = true;
    for (const name of ['audit.stats', 'audit.verify'] as const)
      await expect(ask(name)).rejects.toThrow('no disk');
    for (const [name, input] of [
      ['audit.list', {}],
      ['audit.export', { format: 'jsonl' }],
      ['audit.tail', {}],
    ] as const)
      await expect(pieces(name, input)).rejects.toThrow('no disk');
  });
});

test('an export says how far it has come, and has what is asked for alone', async () => {
  for (const tenant of ['g1', 'g2', 'g1']) await use(tenant);
  await reads();
  const given = await pieces<{ text: string; reached: { entry: number; of: number } }>('audit.export', {
    format: 'jsonl',
    act: 'tool.call',
  });
  const { entry, of } = given.at(-1)!.reached;
  expect(entry).toBe(of);
  const lines = given
    .map(({ text }) => text)
    .join('')
    .trimEnd()
    .split('\n');
  expect(lines.map((line) => (JSON.parse(line) as Entry).tenant)).toEqual(['g1', 'g1', 'g1', 'g1']);
});

test('a tail shows what comes, and ends when nobody listens', async () => {
  await use('g1');
  const seen: Entry[] = [];
  const sinceMs = Date.now() - 60_000;
  const tail = (await ask('audit.tail', { act: 'tool.call', sinceMs })) as AsyncIterable<readonly Entry[]>;
  for await (const page of tail) {
    if (seen.length === 0 && page.length > 0) await use('g1', 'open_failed');
    seen.push(...page);
    if (seen.some(({ code }) => code === 'open_failed')) break;
  }
  expect(seen.map(({ act, out }) => act ?? out)).toEqual(['tool.call', 'success', 'tool.call', 'error']);
  expect((await reads()).at(-1)).toEqual(['audit.read', 'log:g1', 'async', 'aborted']);
});
