import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'vitest';
import { openRows } from '../rows.ts';
import { logStage, type LogStage } from './fixtures/stage.ts';

async function onStage(work: (stage: LogStage) => Promise<void>): Promise<void> {
  const stage = await logStage();
  try {
    await work(stage);
  } finally {
    await stage.close();
  }
}

/** Change the journal's file behind everybody's back. */
function edit(stage: LogStage, statement: string): void {
  const db = new DatabaseSync(join(stage.folder, 'journal.db'));
  db.exec(statement);
  db.close();
}

async function writerOf(stage: LogStage): Promise<string> {
  const rows = openRows(join(stage.folder, 'journal.db'));
  const { writer } = (await rows.last())!;
  rows.close();
  return writer;
}

test.each([
  ['a changed payload', 'UPDATE batches SET payload = zeroblob(100) WHERE n = 3'],
  ['a changed count', 'UPDATE batches SET count = count + 1 WHERE n = 3'],
  ['a removed row', 'DELETE FROM batches WHERE n = 3'],
  ['a moved row', 'UPDATE batches SET n = 99 WHERE n = 3'],
])('%s of the journal is not sealed over', async (_, statement) => {
  await onStage(async (stage) => {
    for (let round = 0; round < 4; round += 1) await stage.act({});
    edit(stage, statement);
    for (let again = 0; again < 2; again += 1)
      await assert.rejects(stage.log.run(), { code: 'journal_broken' });
    const { batch } = (await (await stage.segments.period('202611')).through(await writerOf(stage)))!;
    assert.equal(batch, 2, 'what comes before it is sealed');
    assert.ok((await stage.segments.root.head()).size > 0, 'and published');
  });
});

test('what the files hold names nobody and nothing that was asked for', async () => {
  await onStage(async (stage) => {
    const actor = { type: 'person', id: 'subject-of-ann' } as const;
    await stage.act(
      { actor, ip: '198.51.100.23', agent: 'Agent of Ann', correlation: 'ann@example.com' },
      200,
    );
    await stage.act({ actor: { type: 'client', id: 'client-of-bob' }, agent: 'Agent of Bob' });
    await stage.log.run();
    await stage.reopen(() => {
      const audit = join(stage.folder, 'audit');
      const files = [
        ...readdirSync(audit).map((name) => join(audit, name)),
        join(stage.folder, 'audit-root.db'),
      ];
      const bytes = Buffer.concat(files.map((file) => readFileSync(file)));
      assert.ok(bytes.includes('connection.set'), 'leaves are clear');
      for (const personal of [
        'subject-of-ann',
        '198.51.100.23',
        'Agent of Ann',
        'ann@example.com',
        'client-of-bob',
        'connection:shop#',
      ])
        assert.ok(!bytes.includes(personal), personal);
    });
  });
});

test('of two that seal the same journal, each entry is sealed by one', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 50);
    const other = await stage.another();
    const done = await Promise.allSettled([stage.log.run(), other.log.run()]);
    for (const each of done)
      if (each.status === 'rejected')
        assert.equal((each.reason as { code: string }).code, 'store_unavailable');
    await other.close();
    await stage.log.run();
    const period = await stage.segments.period('202611');
    const sizes = (await period.logs(['_system', 'group-1'])).map(({ size }) => size);
    assert.deepEqual(sizes, [2, 101]);
  });
});
