import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { test } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { writeLog } from '../log/write-log.ts';
import { Refusal } from '../../refusal.ts';
import type { Archive } from '../../store/archive.ts';
import { everyBlob, onArchiveStage, type ArchiveStage } from './fixtures/archive-stage.ts';

const dayMs = 24 * 3600_000;
const startMs = Date.UTC(2026, 10, 20);

/** A month with entries of both classes, closed, and a month behind it. */
async function twoMonths(stage: ArchiveStage): Promise<void> {
  await stage.act('calls', 'tool.call', 300);
  await stage.act('Owner/1', 'connection.set', 3);
  await stage.log.run();
  stage.clock.nowMs = Date.UTC(2026, 11, 2);
  await stage.act('calls', 'tool.call', 1);
  await stage.log.run();
}

async function reason(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );
}

test('a month goes into the archive on the day its newest entry is old enough, and not a millisecond before', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs - 1;
    assert.deepEqual(await stage.archiving().run(), { archived: [], expired: [] });
    assert.deepEqual(await everyBlob(stage.blobs), []);
    stage.clock.nowMs += 1;
    assert.deepEqual(await stage.archiving().run(), { archived: ['202611'], expired: [] });
    assert.deepEqual(await stage.segments.periods(), ['202612']);
    assert.deepEqual(stage.noted, ['audit.archive month:202611']);
    assert.deepEqual(await stage.archiving().run(), { archived: [], expired: [] });
  });
});

test('an archived month with the log over all logs verifies, to whoever has the key from elsewhere', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs;
    const before = join(stage.folder, 'before');
    await stage.log.write(before);
    const archive = stage.archiving();
    await archive.run();
    const hot = stage.log.source();
    const source = { read: async (path: string) => (await hot.read(path)) ?? archive.read(path) };
    const { vkeys } = stage.log;
    const after = join(stage.folder, 'after');
    await writeLog(after, (await stage.log.published(undefined, archive)).files());
    assert.deepEqual((await verifyLog(folderSource(after), { vkeys })).findings, []);
    const [then, now] = [
      await verifyLog(folderSource(before), { vkeys }),
      await verifyLog(source, { vkeys }),
    ];
    assert.deepEqual([now.state, now.findings], ['ok', []]);
    assert.deepEqual([now.logs, now.entries], [then.logs, then.entries]);
    assert.equal((await verifyLog(hot, { vkeys })).state, 'incomplete');
  });
});

test('each class is kept for its years, and a log goes on its day', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs;
    await stage.archiving().run();
    const inArchive = async () => {
      const logs: string[] = [];
      for await (const { manifest } of stage.archiving().logs())
        logs.push(`${manifest.scope} ${manifest.shard}`);
      return logs;
    };
    const all = ['calls 202611', 'Owner%2F1 202611', '_system 202611'];
    assert.deepEqual((await inArchive()).toSorted(), all.toSorted());

    stage.clock.nowMs = Date.UTC(2027, 10, 20) - 1;
    await stage.archiving().run();
    assert.deepEqual((await inArchive()).toSorted(), all.toSorted());
    stage.clock.nowMs += 1;
    const { expired } = await stage.archiving().run();
    assert.deepEqual(expired, [`${stage.log.identity.deployment}/audit/calls/202611`]);
    assert.deepEqual(
      (await everyBlob(stage.blobs)).filter((name) => name.includes('/calls/202611/')),
      [],
    );

    stage.clock.nowMs = Date.UTC(2033, 10, 20) - 1;
    await stage.archiving().run();
    assert.deepEqual((await inArchive()).toSorted(), ['Owner%2F1 202611', '_system 202611']);
    stage.clock.nowMs += 1;
    assert.equal((await stage.archiving().run()).expired.length, 2);
    stage.clock.nowMs += dayMs;
    await stage.archiving().run();
    assert.deepEqual(await inArchive(), []);
    assert.deepEqual(await everyBlob(stage.blobs), []);
  });
});

test('what is archived is locked for as long as its log is kept, and what need not be kept any more is not', async () => {
  for (const [atMs, ofCalls] of [
    [startMs + 90 * dayMs, Date.UTC(2027, 10, 20)],
    [Date.UTC(2028, 0, 1), undefined],
  ] as const)
    await onArchiveStage(async (stage) => {
      await twoMonths(stage);
      stage.clock.nowMs = atMs;
      const locks = new Map<string, number | undefined>();
      const watched: Archive = {
        ...stage.blobs,
        put: async (name, body, write) => {
          assert.equal(write?.ifAbsent, true);
          locks.set(name, write.lockedUntilMs);
          return stage.blobs.put(name, body, write);
        },
      };
      const { expired } = await stage.archiving(watched).run();
      assert.equal(expired.length, ofCalls === undefined ? 1 : 0);
      assert.ok(locks.size > 12);
      for (const [name, untilMs] of locks)
        assert.equal(untilMs, name.includes('/calls/') ? ofCalls : Date.UTC(2033, 10, 20), name);
    });
});

test('a month is not dropped while the archive does not have exactly what was written', async () => {
  for (const tail of ['checkpoint', 'tile/entries/000', 'tile/0/000', 'sealed/000.jsonl', 'manifest.json'])
    await onArchiveStage(async (stage) => {
      await twoMonths(stage);
      stage.clock.nowMs = startMs + 90 * dayMs;
      let broken = true;
      const bad = changing(stage.blobs, (name) => broken && name.endsWith(`logs/calls/202611/${tail}`));
      assert.equal(await reason(stage.archiving(bad).run()), 'store_unavailable', tail);
      assert.deepEqual(await stage.segments.periods(), ['202611', '202612']);
      // The archive told the truth all along, or does now.
      broken = false;
      assert.deepEqual((await stage.archiving(bad).run()).archived, ['202611'], tail);
    });
});

test('another entry that somebody put there before, with a manifest that fits, is found by the signed checkpoint', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs;
    const seen: string[] = [];
    const stopped = stopping(stage.blobs, Infinity, seen);
    const dry = stage.archiving(stopped, { drop: async () => false });
    assert.deepEqual((await dry.run()).archived, []);
    const entries = seen.find((name) => name.endsWith('calls/202611/tile/entries/000'))!;
    const manifest = seen.find((name) => name.endsWith('calls/202611/manifest.json'))!;
    const forged = Buffer.from(await bytesOf(stage.blobs, entries));
    forged[forged.lastIndexOf('"ts":') + 6]! ^= 1;
    await stage.blobs.put(entries, forged);
    const old = hash('sha256', await bytesOf(stopped, entries), 'hex');
    const text = JSON.parse((await bytesOf(stage.blobs, manifest)).toString()) as {
      pieces: { path: string; sha256: string }[];
    };
    for (const piece of text.pieces) if (piece.path === 'tile/entries/000') piece.sha256 = old;
    await stage.blobs.put(manifest, Buffer.from(JSON.stringify(text)));
    await assert.rejects(stage.archiving().run(), { detail: /\/audit\/calls\/202611 entry|tile|hash/ });
    assert.deepEqual(await stage.segments.periods(), ['202611', '202612']);
  });
});

test('a process that stops after any write goes on where it was, and nothing is lost', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs;
    let runs = 0;
    for (let writes = 0; (await stage.segments.periods()).length > 1; writes += 1, runs += 1)
      await reason(stage.archiving(stopping(stage.blobs, writes, [])).run());
    assert.ok(runs > 10);
    const archive = stage.archiving();
    const hot = stage.log.source();
    const source = { read: async (path: string) => (await hot.read(path)) ?? archive.read(path) };
    assert.deepEqual((await verifyLog(source, { vkeys: stage.log.vkeys })).findings, []);
  });
});

test('removing goes on where it was stopped', async () => {
  await onArchiveStage(async (stage) => {
    await twoMonths(stage);
    stage.clock.nowMs = startMs + 90 * dayMs;
    await stage.archiving().run();
    stage.clock.nowMs = Date.UTC(2034, 0, 1);
    let left = Infinity;
    for (let removals = 1; left > 0; removals += 1) {
      await reason(stage.archiving(stopping(stage.blobs, removals, [])).run());
      left = (await everyBlob(stage.blobs)).length;
    }
    assert.deepEqual(await stage.segments.periods(), ['202612']);
  });
});

async function bytesOf(archive: Archive, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of (await archive.get(name))!.body) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

/** An archive that gives back another byte of some blobs. */
function changing(archive: Archive, which: (name: string) => boolean): Archive {
  return {
    ...archive,
    async get(name) {
      if (!which(name)) return archive.get(name);
      const found = await archive.get(name);
      if (found === undefined) return undefined;
      const bytes = await bytesOf(archive, name);
      bytes[bytes.length >> 1]! ^= 1;
      return { bytes: bytes.length, body: Readable.from([bytes], { objectMode: false }) };
    },
  };
}

/** An archive that changes so many times, and then does not answer. */
function stopping(archive: Archive, changesMax: number, seen: string[]): Archive {
  let changes = 0;
  const change = (name: string): void => {
    changes += 1;
    if (changes > changesMax) throw new Refusal('store_unavailable', 'stopped');
    seen.push(name);
  };
  return {
    ...archive,
    put: async (name, ...rest) => (change(name), archive.put(name, ...rest)),
    remove: async (name) => (change(name), archive.remove(name)),
  };
}
