import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { redeem } from '../receipt.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { Audit } from './audit.ts';
import type { AuditClass, AuditContext, Entry } from './entry.ts';
import { openJournal, type Journal } from './journal.ts';
import { openAudit } from './record.ts';

const context: AuditContext = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'c1' },
  source: 'mcp',
  correlation: 'r1',
  ip: '127.0.0.1',
  agent: 'agent/1',
};
const fields = {
  act: 'tool.call' as const,
  object: 'connection:shop#u1#default',
  service: 'shop',
  request: { method: 'tools/call', tool: 'orders', bytes: 12 },
};

let directory: string;
let journal: Journal;
let audit: Audit;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-record-'));
  journal = await openJournal({
    path: join(directory, 'journal.db'),
    sealer: oneKeySealer(),
    now: () => 1_000_000,
  });
  audit = openAudit({ journal });
});
afterEach(async () => {
  await journal.close();
  rmSync(directory, { recursive: true });
});

const entries = async () => (await journal.page({ order: 'oldest', limit: 1000 })).entries;
const flushed = () => audit.record('strict', context, { act: 'gateway.start', object: 'flush' });

test('an attempt stands in the journal before its receipt is given out', async () => {
  const receipt = await audit.record('strict', context, fields);
  assert.deepEqual(await entries(), [
    {
      v: 1,
      id: receipt.entry,
      ts: 1_000_000,
      cls: 'strict',
      tenant: 'group-1',
      corr: 'r1',
      actor: { type: 'client', id: 'c1' },
      src: { source: 'mcp', ip: '127.0.0.1', agent: 'agent/1' },
      act: 'tool.call',
      obj: 'connection:shop#u1#default',
      svc: 'shop',
      req: { method: 'tools/call', tool: 'orders', bytes: 12 },
    },
  ]);
  redeem(receipt, fields.act, fields.object);
});

test('an outcome names its attempt, and an attempt without one shows', async () => {
  const [answered, unanswered] = await Promise.all([
    audit.record('strict', context, fields),
    audit.record('strict', context, fields),
  ]);
  audit.outcome(answered.entry, context, { out: 'failure', code: '502', ms: 11.6, bytes: 0 });
  await flushed();
  const outcomesOf = async (cause: string) =>
    (await journal.page({ order: 'oldest', limit: 9, cause })).entries;
  const [outcome] = await outcomesOf(answered.entry);
  const { id, ...rest } = outcome as Entry;
  assert.ok(id > answered.entry);
  assert.deepEqual(rest, {
    v: 1,
    ts: 1_000_000,
    cls: 'async',
    tenant: 'group-1',
    corr: 'r1',
    cause: answered.entry,
    out: 'failure',
    code: '502',
    ms: 12,
    bytes: 0,
  });
  assert.deepEqual(await outcomesOf(unanswered.entry), []);
});

test.each<[AuditClass, boolean]>([
  ['strict', true],
  ['group', true],
  ['async', false],
])('after a %s record the entry is on the disk: %s', async (cls, durable) => {
  const receipt = await audit.record(cls, context, fields);
  assert.equal((await entries()).length, durable ? 1 : 0);
  redeem(receipt, fields.act, fields.object);
  await flushed();
  assert.equal((await entries()).length, 2);
});

test('no act of a closed journal gets a receipt, of any class', async () => {
  await journal.close();
  for (const cls of ['strict', 'group', 'async'] as const)
    await assert.rejects(audit.record(cls, context, fields), { code: 'audit_unavailable' });
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer: oneKeySealer(), now: () => 1 });
});

test('fields with a getter cannot write one act and issue another', async () => {
  let asked = 0;
  const shifty = {
    object: 'o',
    get act() {
      return (asked += 1) === 1 ? ('tool.call' as const) : ('tool.list' as const);
    },
  };
  const receipt = await audit.record('strict', context, shifty);
  redeem(receipt, (await entries())[0]!.act!, 'o');
});

describe('an entry is refused, and with it the act, when it has no usable', () => {
  test.each<[string, AuditContext, { readonly act?: string }]>([
    ['act', context, { act: '' }],
    ['act that fits', context, { act: 'x'.repeat(200) }],
    ['tenant', { ...context, tenant: '' }, {}],
    ['tenant in well-formed text', { ...context, tenant: '\ud800' }, {}],
    ['tenant that fits', { ...context, tenant: 'ü'.repeat(400) }, {}],
    ['correlation', { ...context, correlation: '' }, {}],
    ['actor', { ...context, actor: { type: 'person', id: '' } }, {}],
    ['tenant at all', { ...context, tenant: undefined as unknown as string }, {}],
  ])('%s', async (_, badContext, badFields) => {
    await assert.rejects(
      audit.record('strict', badContext, { ...fields, ...(badFields as Partial<typeof fields>) }),
      {
        code: 'context_invalid',
      },
    );
    assert.deepEqual(await entries(), []);
  });
});

test('an outcome that cannot be written down is told, not thrown', () => {
  const told: string[] = [];
  const telling = openAudit({ journal, failed: (refusal) => told.push(refusal.code) });
  telling.outcome('', context, { out: 'success' });
  assert.deepEqual(told, ['context_invalid']);
});
