import assert from 'node:assert/strict';
import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog, type LogVerdict } from '../../audit-verify/verify-log.ts';
import { refuse } from '../../refusal.ts';
import { openCheckpoint } from '../../tlog/checkpoint.ts';
import { writeLog } from '../log/write-log.ts';
import { s3Archive } from '../../store/s3/archive.ts';
import { openS3Peer } from '../../store/s3/fixtures/s3-peer.ts';
import { blobAnchors } from './anchors.ts';
import { everyBlob, onArchiveStage, type ArchiveStage } from './fixtures/archive-stage.ts';

const hourMs = 3600_000;

async function checkpointNow(stage: ArchiveStage): Promise<string> {
  return Buffer.from((await stage.log.source().read('root/checkpoint'))!).toString('utf8');
}

/** Use the log, publish, and put the checkpoint among the blobs. */
async function anchored(stage: ArchiveStage): Promise<string> {
  await used(stage);
  const note = await checkpointNow(stage);
  await anchorsOf(stage).put(note, stage.clock.nowMs);
  return note;
}

async function used(stage: ArchiveStage): Promise<void> {
  await stage.act('calls', 'tool.call', 1);
  await stage.log.run();
}

const anchorsOf = ({ blobs, log }: ArchiveStage) => blobAnchors(blobs, log.identity.deployment);
const files = ['audit', 'audit-root.db', 'audit-root.db-wal', 'audit-root.db-shm'];

/** Copy everything of the sealed log. */
function copied(stage: ArchiveStage, from: string, to: string): void {
  for (const name of files) {
    rmSync(join(stage.folder, to, name), { recursive: true, force: true });
    const source = join(stage.folder, from, name);
    if (existsSync(source)) cpSync(source, join(stage.folder, to, name), { recursive: true });
  }
}

async function verdictOf(stage: ArchiveStage, name: string, given: object): Promise<LogVerdict> {
  const folder = join(stage.folder, name);
  await writeLog(folder, (await stage.log.published()).files());
  return verifyLog(folderSource(folder), { vkeys: stage.log.vkeys, ...given });
}

test('checkpoints lie among the blobs by their time, are never replaced, and the last of each month stays in what is taken', async () => {
  await onArchiveStage(async (stage) => {
    const anchors = anchorsOf(stage);
    assert.deepEqual(await anchors.newest(), []);
    const first = await anchored(stage);
    assert.equal(await anchors.put('something else', stage.clock.nowMs), false);
    assert.deepEqual(await anchors.newest(), [first]);
    const [name] = await everyBlob(stage.blobs);
    assert.match(name!, /^audit\/[^/]+\/anchors\/2026-11-20t00-00-00\.000z$/);
    for (let hour = 1; hour <= 120; hour += 1)
      await anchors.put(`hour ${hour}`, stage.clock.nowMs + hour * hourMs);
    assert.deepEqual((await anchors.newest()).slice(-2), ['hour 119', 'hour 120']);
    await anchors.put('in October', Date.UTC(2026, 9, 1));
    const some = await anchors.some();
    assert.equal(some.length, 101);
    assert.deepEqual([some[0], some[1]], ['in October', 'hour 21']);
  });
});

test('a log that its owner cut off behind an anchor, and signed anew with its own key, is found out by the anchor', async () => {
  await onArchiveStage(async (stage) => {
    await used(stage);
    await stage.reopen(() => copied(stage, '.', 'kept'));
    const anchor = await anchored(stage);
    await stage.reopen(() => copied(stage, 'kept', '.'));
    assert.equal((await verdictOf(stage, 'plain', {})).state, 'ok');
    const { state, findings } = await verdictOf(stage, 'anchored', { anchors: [anchor] });
    assert.equal(state, 'tampered');
    assert.match(findings[0]!.says, /fewer than an anchor that was given says/);
  });
});

test('a log that grew another way since an anchor, as long as the first or longer, is found out by it', async () => {
  await onArchiveStage(async (stage) => {
    await used(stage);
    await stage.reopen(() => copied(stage, '.', 'kept'));
    const anchor = await anchored(stage);
    await stage.reopen(() => copied(stage, 'kept', '.'));
    // The journal is the same and has more: its owner signs another history, as a gateway without anchors would.
    for (let more = 0; more < 3; more += 1) await used(stage);
    assert.equal((await verdictOf(stage, 'plain', {})).state, 'ok');
    const { state, findings } = await verdictOf(stage, 'anchored', { anchors: [anchor] });
    assert.equal(state, 'tampered');
    assert.match(findings[0]!.says, /entries are not those that an anchor that was given says/);
  });
});

test('an exported log has its anchors with it, and says so itself when it was cut off behind one', async () => {
  await onArchiveStage(async (stage) => {
    await used(stage);
    await stage.reopen(() => copied(stage, '.', 'kept'));
    await anchored(stage);
    const taken = async (name: string) => {
      const noted = await anchorsOf(stage).some();
      const published = await stage.log.published(undefined, undefined, noted);
      await writeLog(join(stage.folder, name), published.files());
      return verifyLog(folderSource(join(stage.folder, name)), { vkeys: stage.log.vkeys });
    };
    assert.deepEqual((await taken('whole')).findings, []);
    await stage.reopen(() => copied(stage, 'kept', '.'));
    const { state, findings } = await taken('cut');
    assert.equal(state, 'tampered');
    assert.match(findings[0]!.says, /an anchor says/);
  });
});

test('a directory that came back from a backup is not signed any more once an anchor says more, and that is told', async () => {
  await onArchiveStage(async (stage) => {
    await used(stage);
    await stage.reopen(() => copied(stage, '.', 'kept'));
    await anchored(stage);
    await stage.reopen(
      () => copied(stage, 'kept', '.'),
      () => anchorsOf(stage).newest(),
    );
    const before = await checkpointNow(stage);
    await stage.act('calls', 'tool.call', 1);
    await assert.rejects(stage.log.run(), { code: 'journal_broken' });
    await assert.rejects(stage.log.run(), { code: 'journal_broken' });
    assert.equal(await checkpointNow(stage), before);
    assert.deepEqual(
      stage.told.map(({ message }) => message),
      ['the audit log is older than an anchor of it'],
    );
  });
});

test('what somebody else put among the anchors stops nothing', async () => {
  await onArchiveStage(async (stage) => {
    const anchor = await anchored(stage);
    const { origin } = openCheckpoint(anchor, { origin: undefined, vkeys: stage.log.vkeys });
    const foreign = anchor.replace(origin, 'another/audit/root');
    for (const [later, note] of [foreign, 'no note', anchor.replace(/\n\d+\n/, '\n999999\n')].entries())
      await anchorsOf(stage).put(note, stage.clock.nowMs + 1 + later);
    await stage.reopen(undefined, () => anchorsOf(stage).newest());
    await used(stage);
    assert.notEqual(await checkpointNow(stage), anchor);
    assert.deepEqual(stage.told, []);
  });
});

test('while the anchors cannot be asked for nothing is signed, and what was sealed meanwhile is signed then', async () => {
  await onArchiveStage(async (stage) => {
    const before = await anchored(stage);
    let away = true;
    await stage.reopen(undefined, async () => {
      if (away) throw refuse('store_unavailable', 'nobody answers');
      return anchorsOf(stage).newest();
    });
    await stage.act('calls', 'tool.call', 1);
    await assert.rejects(stage.log.run(), { code: 'store_unavailable' });
    assert.equal(await checkpointNow(stage), before);
    away = false;
    await stage.log.run();
    assert.notEqual(await checkpointNow(stage), before);
    assert.equal((await verdictOf(stage, 'taken', { anchors: [before] })).state, 'ok');
  });
});

test('in a bucket with Object Lock an anchor is locked for as long as entries are kept', async () => {
  const peer = await openS3Peer();
  peer.locks = true;
  const archive = s3Archive({
    bucket: 'blobs',
    region: 'eu-central-1',
    endpoint: peer.endpoint,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
  });
  try {
    const anchors = blobAnchors(archive, 'gate.example');
    assert.equal(await anchors.put('a note', Date.UTC(2026, 10, 22, 15)), true);
    assert.equal(await anchors.put('another', Date.UTC(2026, 10, 22, 15)), false);
    assert.deepEqual(await anchors.newest(), ['a note']);
    const object = peer.objects.get('audit/gate.example/anchors/2026-11-22t15-00-00.000z');
    assert.equal(object?.headers['x-amz-object-lock-mode'], 'COMPLIANCE');
    assert.equal(object?.headers['x-amz-object-lock-retain-until-date'], '2033-11-22T15:00:00Z');
  } finally {
    await archive.close();
    await peer.close();
  }
});
