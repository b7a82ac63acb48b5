import assert from 'node:assert/strict';
import { copyFileSync, cpSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { copyJournal } from '../journal-copy.ts';
import type { JournalReader } from '../journal.ts';
import { logStage, type LogStage } from './fixtures/stage.ts';
import { standings } from './standings.ts';

let stage: LogStage;
beforeEach(async () => {
  stage = await logStage();
});
afterEach(() => stage.close());

const at = (name: string) => join(stage.folder, name);

async function idsIn(reader: Pick<JournalReader, 'page'> = stage.journal): Promise<readonly string[]> {
  const { entries } = await reader.page({ order: 'oldest', limit: 1000 });
  return entries.map(({ id }) => id);
}

async function countOf(tenant: string, id: string): Promise<number> {
  let count = 0;
  for await (const _ of standings(stage.segments, tenant, { id, sinceMs: 0, untilMs: 4e12 })) count += 1;
  return count;
}

/** Each of these is in one of the logs, once. */
async function eachOnce(ids: readonly string[]): Promise<void> {
  for (const id of ids) assert.ok((await countOf('group-1', id)) + (await countOf('_system', id)) === 1);
}

/** Seal what the journal has, and let it leave. */
async function sealedAway(): Promise<void> {
  await stage.log.run();
  for (const sealed of await stage.log.settled()) await stage.journal.trim(sealed, Infinity);
}

/** What was copied of the journal takes its place. */
async function putBack(copy: string): Promise<void> {
  await stage.reopen(async () => {
    await stage.journal.close();
    for (const side of ['-wal', '-shm']) rmSync(at(`journal.db${side}`), { force: true });
    copyFileSync(at(copy), at('journal.db'));
    await stage.reopenJournal();
  });
}

describe('a journal whose sealed entries have left', () => {
  test('holds nothing of them any more, not even in bytes that nobody points to', async () => {
    await stage.act({}, 300);
    const db = new DatabaseSync(at('journal.db'), { readOnly: true });
    const payloads = db.prepare('SELECT payload FROM batches').all() as { payload: Uint8Array }[];
    db.close();
    const bytesOf = () =>
      Buffer.concat(
        ['journal.db', 'journal.db-wal']
          .filter((name) => existsSync(at(name)))
          .map((name) => readFileSync(at(name))),
      );
    // Pages of the file cut a payload into pieces: its beginning is in one of them.
    const needles = payloads.map(({ payload }) => Buffer.from(payload.subarray(24, 88)));
    assert.ok(needles.length > 0 && needles.every((needle) => bytesOf().includes(needle)));
    await sealedAway();
    const left = bytesOf();
    assert.deepEqual(
      needles.filter((needle) => left.includes(needle)),
      [],
    );
    assert.deepEqual(await idsIn(), []);
  });

  test('is sealed on, each entry once, over restarts', async () => {
    await stage.act({}, 20);
    await sealedAway();
    await stage.act({}, 5);
    const later = await idsIn();
    await stage.reopen();
    assert.equal(await stage.log.run(), later.length);
    await stage.journal.close();
    await stage.reopenJournal();
    await stage.act({}, 1);
    await sealedAway();
    assert.equal(await stage.log.run(), 0);
    assert.equal(await countOf('group-1', later[0]!), 1);
    assert.deepEqual(stage.told, []);
  });

  test('that came back from a backup goes on behind what of it is sealed', async () => {
    await stage.act({}, 5);
    await sealedAway();
    await stage.act({}, 5);
    await copyJournal(at('journal.db'), at('older.db'));
    await stage.act({}, 5);
    await sealedAway();
    const before = await stage.log.settled();
    await putBack('older.db');
    await stage.act({ correlation: 'new' }, 1);
    await stage.log.run();
    assert.deepEqual(
      stage.told.map(({ message }) => message),
      ['the audit journal lacks entries that were sealed'],
    );
    const [now] = await stage.log.settled();
    assert.ok(now!.entry < before[0]!.entry);
    for (const id of await idsIn()) {
      const tenant = (await stage.journal.page({ order: 'oldest', limit: 1, id })).entries[0]!.tenant;
      assert.equal(await countOf(tenant, id), 1);
    }
  });

  test('that came back from a backup with nothing behind its mark goes on from there', async () => {
    await stage.act({}, 5);
    await sealedAway();
    await copyJournal(at('journal.db'), at('older.db'));
    await stage.act({}, 5);
    await sealedAway();
    await putBack('older.db');
    await stage.act({}, 2);
    await stage.log.run();
    assert.equal(stage.told.length, 1);
    await eachOnce(await idsIn());
  });

  test('tells of what an older log lacks, and seals what is still there', async () => {
    await stage.act({}, 5);
    await sealedAway();
    await stage.reopen(() => cpSync(at('audit'), at('older'), { recursive: true }));
    await stage.act({}, 5);
    await sealedAway();
    await stage.act({}, 5);
    const left = await idsIn();
    await stage.reopen(() => {
      rmSync(at('audit'), { recursive: true });
      cpSync(at('older'), at('audit'), { recursive: true });
    });
    await stage.log.run().catch(() => undefined);
    assert.ok(
      stage.told.some(({ message }) => message === 'the audit log lacks entries that have left the journal'),
    );
    await eachOnce(left);
  });

  test('is what another log begins with, when there is none any more', async () => {
    await stage.act({}, 5);
    await sealedAway();
    await stage.act({}, 5);
    const left = await idsIn();
    await stage.reopen(() => {
      rmSync(at('audit'), { recursive: true });
      for (const side of ['', '-wal', '-shm']) rmSync(at(`audit-root.db${side}`), { force: true });
    });
    assert.equal(await stage.log.run(), left.length);
    assert.equal(await stage.log.run(), 0);
    assert.deepEqual(
      stage.told.map(({ message }) => message),
      ['the audit log lacks entries that have left the journal'],
    );
  });

  test('shows by its numbers when somebody passes off as sealed what is not', async () => {
    await stage.act({}, 5);
    await sealedAway();
    await stage.act({}, 40);
    const db = new DatabaseSync(at('audit/202611.db'));
    const { batch, digest } = stage.journal.health().end;
    const entries = (await idsIn()).length;
    db.prepare('UPDATE sealed_through SET batch = ?, digest = ?, entry = entry + ?').run(
      batch,
      Buffer.from(digest, 'hex'),
      entries,
    );
    db.close();
    await sealedAway();
    assert.deepEqual(await idsIn(), [], 'the journal goes on behind a mark of its own');
    for (let day = 0; day < 3; day += 1) {
      stage.clock.nowMs += 24 * 3600_000;
      await stage.act({}, 40);
    }
    await stage.log.run();
    await stage.log.write(at('out'));
    const { state, findings } = await verifyLog(folderSource(at('out')), { vkeys: stage.log.vkeys });
    assert.equal(state, 'incomplete');
    assert.ok(
      findings.some(({ says }) => says.includes('in no log')),
      JSON.stringify(findings),
    );
  });

  test('keeps what a mark from earlier would hide', async () => {
    await stage.act({}, 5);
    await sealedAway();
    const db = new DatabaseSync(at('journal.db'));
    const mark = db.prepare('SELECT * FROM batches').get()!;
    await stage.act({}, 5);
    await stage.act({}, 5);
    const [{ n }] = db.prepare('SELECT max(n) AS n FROM batches').all() as [{ n: number }];
    // Of two batches that are not sealed the first is passed off as trimmed.
    db.prepare('UPDATE batches SET payload = ? WHERE n = ?').run(mark['payload'] as Uint8Array, n - 1);
    db.close();
    assert.equal((await stage.journal.verify()).state, 'broken');
    await assert.rejects(stage.log.run(), { code: 'journal_broken' });
  });
});
