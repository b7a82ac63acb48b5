import assert from 'node:assert/strict';
import { test } from 'vitest';
import { receiptFor } from '../../keys/fixtures/receipt-for.ts';
import { personOf } from '../../keys/administration.ts';
import { keySubjects } from '../../keys/key-subjects.ts';
import { plainOrder } from '../../keys/shred/fixtures/stage.ts';
import type { Entry } from '../entry.ts';
import { erasedId } from '../leaf/entry-of.ts';
import { logStage, type LogStage } from './fixtures/stage.ts';
import { logEntries, type LogQuery } from './log-entries.ts';

const ann = { type: 'person', id: 'ann' } as const;
const bob = { type: 'person', id: 'bob' } as const;

async function onStage(work: (stage: LogStage) => Promise<void>): Promise<void> {
  const stage = await logStage();
  try {
    await work(stage);
  } finally {
    await stage.close();
  }
}

async function entriesOf(stage: LogStage, query: Partial<LogQuery> = {}): Promise<Entry[]> {
  const { segments, sealer, tables } = stage;
  const reader = {
    segments,
    sealer,
    keyring: stage.log.keyring,
    subjects: keySubjects(tables, 'audit_person'),
  };
  const found: Entry[] = [];
  for await (const entry of logEntries(reader, { scope: 'group-1', ...query })) found.push(entry);
  return found;
}

async function inJournal(stage: LogStage): Promise<readonly Entry[]> {
  const query = { tenant: 'group-1', order: 'oldest', limit: 1000 } as const;
  return (await stage.journal.page(query)).entries;
}

test('what the sealed log holds is what was recorded, over months, both ways', async () => {
  await onStage(async (stage) => {
    for (const month of [10, 11, 12]) {
      stage.clock.nowMs = Date.UTC(2026, month, 20);
      await stage.act({ actor: ann, ip: '203.0.113.7', agent: 'x' }, 140);
      await stage.act({ actor: bob, source: 'webui', correlation: 'named by its caller' }, 2);
      await stage.log.run();
    }
    const recorded = await inJournal(stage);
    assert.equal(recorded.length, 3 * 284);
    assert.deepEqual(await entriesOf(stage), recorded);
    assert.deepEqual(await entriesOf(stage, { descending: true }), recorded.toReversed());
    const [since, until] = [Date.UTC(2026, 11, 1), Date.UTC(2026, 11, 31)];
    const within = recorded.filter(({ ts }) => ts >= since && ts < until);
    assert.deepEqual(await entriesOf(stage, { sinceMs: since, untilMs: until }), within);
    for (const having of [
      { actor: 'bob' },
      { out: 'success', act: 'none' },
      { source: 'webui' },
      { out: 'success' },
      { ip: '203.0.113.7' },
      { corr: 'named by its caller' },
      { obj: 'connection:shop#bob#x', svc: 'shop' },
    ]) {
      const wanted = recorded.filter((entry) => matches(entry, having));
      assert.deepEqual(await entriesOf(stage, { having }), wanted);
    }
  });
});

function matches(entry: Entry, having: NonNullable<LogQuery['having']>): boolean {
  const { act, actor, corr, obj, out, src, svc } = entry;
  const said = { act, actor: actor?.id, corr, ip: src?.ip, obj, out, source: src?.source, svc };
  return Object.entries(having).every(([name, value]) => said[name as keyof typeof said] === value);
}

test('of a person whose keys were destroyed the entries are there, and do not say who it was', async () => {
  await onStage(async (stage) => {
    await stage.act({ actor: ann, ip: '203.0.113.7' });
    await stage.act({ actor: bob });
    await stage.log.run();
    const order = { subject: 'ann', tenants: [], places: ['group-1'] };
    await stage.sealer.administration.shredPerson(
      await receiptFor('key.shred', personOf('ann')),
      order,
      plainOrder,
    );
    const attempts = (await entriesOf(stage)).filter(({ act }) => act !== undefined);
    assert.deepEqual(
      attempts.map(({ actor }) => actor?.id),
      [erasedId, 'bob'],
    );
    assert.equal(attempts[0]!.src?.ip, undefined);
    assert.deepEqual(await entriesOf(stage, { having: { actor: 'ann' } }), []);
  });
});

test('a person who acted on the deployment itself can be forgotten there, too', async () => {
  await onStage(async (stage) => {
    await stage.act({ tenant: '_system', actor: ann });
    await stage.log.run();
    const order = { subject: 'ann', tenants: [], places: [] };
    const receipt = await receiptFor('key.shred', personOf('ann'));
    await stage.sealer.administration.shredPerson(receipt, order, plainOrder);
    await stage.act({ tenant: '_system', actor: ann });
    await stage.log.run();
    const actors = (await entriesOf(stage, { scope: '_system' })).map(({ actor }) => actor?.id);
    assert.ok(!actors.includes('ann'));
    assert.equal(actors.filter((id) => id === erasedId).length, 2);
  });
});

test('another tenant’s entries are never among them', async () => {
  await onStage(async (stage) => {
    await stage.act({ actor: ann });
    await stage.act({ tenant: 'group-2', actor: ann });
    await stage.log.run();
    assert.equal((await entriesOf(stage, { having: { actor: 'ann' } })).length, 1);
    assert.deepEqual(await entriesOf(stage, { scope: 'group-3' }), []);
    assert.equal(await stage.sealer.administration.has('group-3'), false, 'asking makes no keys');
  });
});
