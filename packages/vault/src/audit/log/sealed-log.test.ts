import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { receiptFor } from '../../keys/fixtures/receipt-for.ts';
import { keysOf, personOf } from '../../keys/administration.ts';
import { plainOrder } from '../../keys/shred/fixtures/stage.ts';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { copyJournal } from '../journal-copy.ts';
import { isEventLeaf } from '../leaf/entry-of.ts';
import { readBodies, readFolder } from './fixtures/read-folder.ts';
import { logStage, type LogStage } from './fixtures/stage.ts';

async function onStage(work: (stage: LogStage) => Promise<void>): Promise<void> {
  const stage = await logStage();
  try {
    await work(stage);
  } finally {
    await stage.close();
  }
}

/** Write the log, and have it checked twice: by what these tests know of trees, and by the verifier. */
async function written(stage: LogStage, name: string, disclose?: string) {
  const directory = join(stage.folder, name);
  await stage.log.write(directory, disclose);
  const verdict = await verifyLog(folderSource(directory), { vkeys: stage.log.vkeys });
  return { directory, logs: readFolder(directory), verdict };
}

async function shredPerson({ sealer }: LogStage, subject: string): Promise<void> {
  const receipt = await receiptFor('key.shred', personOf(subject));
  await sealer.administration.shredPerson(receipt, { subject, tenants: [], places: ['group-1'] }, plainOrder);
}

async function shredTenant({ sealer }: LogStage, tenant: string): Promise<void> {
  await sealer.administration.shredTenant(await receiptFor('key.shred', keysOf(tenant)), tenant, plainOrder);
}

async function disabled({ sealer }: LogStage, tenant: string, disable: boolean): Promise<void> {
  const { administration } = sealer;
  if (disable) await administration.disable(await receiptFor('key.disable', keysOf(tenant)), tenant);
  else await administration.enable(await receiptFor('key.enable', keysOf(tenant)), tenant);
}

const leavesIn = (logs: ReturnType<typeof readFolder>, path: string) => logs.get(path)!.leaves;

test('every entry of the journal stands once, in its tenant’s log, and the log can be checked by strangers', async () => {
  await onStage(async (stage) => {
    for (let round = 0; round < 4; round += 1) {
      await stage.act({ tenant: 'group-1' }, 90);
      await stage.act({ tenant: 'group/2 ü' }, 3);
      await stage.log.run();
    }
    const { directory, logs, verdict } = await written(stage, 'out', 'group-1');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    assert.deepEqual(leavesIn(logs, 'logs/group-1/202611').length, 1 + 4 * 90 * 2);
    assert.deepEqual(leavesIn(logs, 'logs/group%2F2%20%C3%BC/202611').length, 1 + 4 * 3 * 2);
    assert.deepEqual(leavesIn(logs, 'logs/_system/202611').length, 1 + 8);
    const ns = [...logs.values()]
      .flatMap(({ leaves }) => leaves.filter((leaf) => leaf.includes('"w":')))
      .map((leaf) => (JSON.parse(leaf) as { n: number }).n);
    assert.deepEqual(
      ns.toSorted((a, b) => a - b),
      Array.from({ length: ns.length }, (_, at) => at + 1),
    );
    const bodies = readBodies(directory, 'logs/group-1/202611');
    assert.equal(bodies.length, 720);
    for (const { ix, salt, body } of bodies) {
      const { c } = JSON.parse(leavesIn(logs, 'logs/group-1/202611')[ix]!) as { c: string };
      assert.equal(createHmac('sha256', Buffer.from(salt, 'base64url')).update(body).digest('base64url'), c);
    }
    assert.equal(await stage.log.run(), 0);
  });
});

test('a month closes its logs, and the next one names what they ended with', async () => {
  await onStage(async (stage) => {
    await stage.act({ tenant: 'group-1' }, 128);
    await stage.act({ tenant: 'group-2' });
    stage.clock.nowMs = Date.UTC(2027, 0, 1);
    await stage.act({ tenant: 'group-1' });
    await stage.log.run();
    await stage.reopen();
    stage.clock.nowMs = Date.UTC(2027, 1, 1);
    await stage.act({ tenant: 'group-2' });
    await stage.log.run();
    const { logs, verdict } = await written(stage, 'out');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    assert.deepEqual([...logs.keys()].toSorted(), [
      'logs/_system/202611',
      'logs/_system/202701',
      'logs/_system/202702',
      'logs/group-1/202611',
      'logs/group-1/202701',
      'logs/group-2/202611',
      'logs/group-2/202702',
      'root',
    ]);
    const genesis = JSON.parse(leavesIn(logs, 'logs/group-2/202702')[0]!) as {
      genesis: object;
      reason: string;
    };
    const { origin, leaves } = logs.get('logs/group-2/202611')!;
    assert.equal(leaves.at(-1), '{"close":true,"ts":1798761600000,"v":1}');
    assert.deepEqual(genesis.reason, 'month');
    assert.deepEqual({ ...genesis.genesis, root: '' }, { origin, root: '', size: leaves.length });
  });
});

test('when a person’s keys are destroyed every proof stands, and nobody is named any more', async () => {
  await onStage(async (stage) => {
    const ann = { type: 'person', id: 'ann-0001' } as const;
    await stage.act({ actor: ann, ip: '203.0.113.77', agent: 'Annas Firefox' }, 3);
    await stage.log.run();
    const before = await written(stage, 'before', 'group-1');
    const sealed = stage.sealer;
    const { pc, pii } = JSON.parse(readBodies(before.directory, 'logs/group-1/202611')[0]!.body) as {
      pc: string;
      pii: string;
    };
    const [leaf] = leavesIn(before.logs, 'logs/group-1/202611').filter(isEventLeaf);
    const { id } = JSON.parse(leaf!) as { id: string };
    const place = { tenant: 'group-1', subject: ann.id, table: 'audit', record: id, field: 'pii', epoch: 0 };
    const opened = () => sealed.open('audit_person', place, Buffer.from(pii, 'base64url'));
    const text = (await opened()).toString();
    assert.match(
      text,
      /^\{"agent":"Annas Firefox","id":"ann-0001","ip":"203\.0\.113\.77","salt":"[\w-]{22}"\}$/,
    );
    assert.equal(pc, hash('sha256', text, 'base64url'), 'who is shown the text can check it');
    await shredPerson(stage, ann.id);
    await assert.rejects(opened(), (error: { code: string }) => error.code !== undefined);
    await stage.act({ actor: ann, ip: '203.0.113.78' });
    await stage.log.run();
    const { directory, logs, verdict } = await written(stage, 'after', 'group-1');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    const bodies = readBodies(directory, 'logs/group-1/202611').map(({ body }) => body);
    assert.equal(bodies.filter((body) => body.includes('"pii":null')).length, 1);
    assert.ok(bodies.every((body) => !body.includes('203.0.113')));
    assert.equal(leavesIn(logs, 'logs/group-1/202611').length, 1 + 8);
  });
});

test('when a tenant’s keys are destroyed its log stands and can be added to, and its bodies are gone', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 100);
    await stage.log.run();
    await shredTenant(stage, 'group-1');
    await stage.act({}, 60);
    await stage.log.run();
    assert.equal(await stage.segments.secrets.get('group-1'), undefined);
    const { logs, verdict } = await written(stage, 'out', 'group-1');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    const leaves = leavesIn(logs, 'logs/group-1/202611');
    assert.equal(leaves.length, 1 + 320);
    assert.equal(leaves.filter((leaf) => leaf.includes('"c":')).length, 200);
    assert.equal(verdict.bodies, 0);
    stage.clock.nowMs = Date.UTC(2026, 11, 1);
    await stage.act({});
    await stage.log.run();
    assert.equal((await written(stage, 'later')).verdict.state, 'ok');
  });
});

test('entries of a tenant whose keys are disabled wait, and stand in their order afterwards', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 2);
    await stage.log.run();
    await disabled(stage, 'group-1', true);
    await stage.act({}, 200);
    await stage.act({ tenant: 'group-2' });
    await stage.log.run();
    assert.equal(leavesIn((await written(stage, 'while')).logs, 'logs/group-1/202611').length, 5);
    stage.clock.nowMs = Date.UTC(2026, 11, 1);
    await stage.act({ tenant: 'group-2' });
    await stage.log.run();
    assert.deepEqual(await (await stage.segments.period('202612')).heldScopes(), ['group-1']);
    await disabled(stage, 'group-1', false);
    await stage.act({}, 2);
    await stage.log.run();
    const { logs, verdict } = await written(stage, 'after', 'group-1');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    const ns = leavesIn(logs, 'logs/group-1/202612')
      .filter(isEventLeaf)
      .map((leaf) => (JSON.parse(leaf) as { n: number }).n);
    assert.equal(ns.length, 404);
    assert.deepEqual(
      ns,
      ns.toSorted((a, b) => a - b),
    );
  });
});

test('logs that came back from a backup are never signed again: others go on, and say what is missing', async () => {
  await onStage(async (stage) => {
    const [live, backup] = [join(stage.folder, 'audit'), join(stage.folder, 'backup')];
    await stage.act({}, 5);
    await stage.log.run();
    await stage.reopen(() => cpSync(live, backup, { recursive: true }));
    await stage.act({}, 5);
    await stage.act({ tenant: 'group-2' });
    await stage.log.run();
    const good = await written(stage, 'good');
    await stage.reopen(() => {
      rmSync(live, { recursive: true });
      cpSync(backup, live, { recursive: true });
    });
    assert.ok(stage.told.some(({ code }) => code === 'journal_broken'));
    await stage.act({});
    await stage.log.run();
    const { logs, verdict } = await written(stage, 'restored');
    assert.equal(verdict.state, 'tampered', 'what was stated and is not there shows');
    assert.equal(leavesIn(logs, 'logs/group-1/202611').length, 11);
    const [genesis, ...entries] = leavesIn(logs, 'logs/group-1/202611-2');
    const { origin, leaves } = good.logs.get('logs/group-1/202611')!;
    const named = JSON.parse(genesis!) as { genesis: { origin: string; size: number }; reason: string };
    assert.deepEqual(
      [named.reason, named.genesis.origin, named.genesis.size],
      ['restored', origin, leaves.length],
    );
    assert.equal(entries.length, 12, 'what the journal has is sealed again');
    assert.equal(leavesIn(logs, 'logs/group-2/202611-2').length, 3);
    stage.clock.nowMs = Date.UTC(2026, 11, 1);
    await stage.act({});
    await stage.log.run();
    const next = JSON.parse(
      leavesIn((await written(stage, 'next')).logs, 'logs/group-1/202612')[0]!,
    ) as typeof named;
    assert.deepEqual([next.reason, next.genesis.origin], ['month', `${origin}-2`]);
  });
});

test('a journal that is sealed anew, at once and not bit by bit, gives each log the same entries at the same places', async () => {
  await onStage(async (stage) => {
    const places = async (name: string): Promise<object> => {
      const { logs, verdict } = await written(stage, name);
      assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
      const said = (leaf: string): readonly unknown[] => {
        const { id, n, w, ts, act, cause } = JSON.parse(leaf) as Readonly<Record<string, unknown>>;
        return [id, n, w, ts, act, cause];
      };
      const shards = [...logs].filter(([path]) => path !== 'root');
      return Object.fromEntries(shards.map(([path, { leaves }]) => [path, leaves.map(said)]));
    };
    for (let round = 0; round < 12; round += 1) {
      const actor = { type: 'person', id: `p${round % 3}` } as const;
      await stage.act({ tenant: `group-${round % 4}`, actor, ip: '203.0.113.7' }, 1 + ((round * 37) % 90));
      stage.clock.nowMs += 2 * 24 * 3600_000;
      await stage.log.run();
    }
    const bitByBit = await places('first');
    await stage.reopen(() => {
      rmSync(join(stage.folder, 'audit'), { recursive: true });
      for (const side of ['', '-wal', '-shm'])
        rmSync(join(stage.folder, `audit-root.db${side}`), { force: true });
    });
    await stage.log.run();
    assert.deepEqual(await places('again'), bitByBit);
    assert.ok(Object.keys(bitByBit).length > 5);
  });
});

test('a journal that came back from a backup is gone on with: nothing is sealed twice, and nothing left out', async () => {
  await onStage(async (stage) => {
    const [live, backup] = [join(stage.folder, 'journal.db'), join(stage.folder, 'journal.copy')];
    await stage.act({}, 150);
    await stage.log.run();
    await copyJournal(live, backup);
    await stage.act({}, 7);
    await stage.log.run();
    await stage.reopen(async () => {
      await stage.journal.close();
      for (const ending of ['', '-wal', '-shm']) rmSync(live + ending, { force: true });
      cpSync(backup, live);
      await stage.reopenJournal();
    });
    await stage.act({}, 5);
    await stage.log.run();
    assert.ok(stage.told.some(({ message }) => message.includes('lacks entries')));
    const { logs, verdict } = await written(stage, 'out');
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
    const ids = [...logs.values()]
      .flatMap(({ leaves }) => leaves.filter((leaf) => leaf.includes('"w":')))
      .map((leaf) => (JSON.parse(leaf) as { id: string }).id);
    assert.equal(new Set(ids).size, ids.length);
    assert.equal(ids.length, (150 + 7 + 5) * 2 + 3);
  });
});

test('a root log that came back from a backup is never signed again', async () => {
  await onStage(async (stage) => {
    const [live, backup] = [join(stage.folder, 'audit-root.db'), join(stage.folder, 'root.copy')];
    await stage.act({});
    await stage.log.run();
    await stage.reopen(() => cpSync(live, backup));
    await stage.act({});
    await stage.log.run();
    const before = await stage.segments.root.head();
    await stage.reopen(() => cpSync(backup, live));
    await stage.act({});
    await assert.rejects(stage.log.run(), { code: 'journal_broken' });
    assert.ok((await stage.segments.root.head()).size < before.size, 'nothing was added to the older one');
    const [log] = await (await stage.segments.period('202611')).logs(['group-1']);
    assert.equal(log!.size - log!.notedSize, 2, 'sealing goes on');
  });
});
