import assert from 'node:assert/strict';
import { test } from 'vitest';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { parseCheckpoint } from '../../tlog/checkpoint.ts';
import { consistencyProof, inclusionProof } from '../../tlog/prove.ts';
import { verifyConsistency, verifyInclusion } from '../../tlog/check-proof.ts';
import { leafHash } from '../../tlog/hash.ts';
import { readEntries } from '../../tlog/bundle.ts';
import { tilePath } from '../../tlog/tile-paths.ts';
import { logStage, type LogStage } from './fixtures/stage.ts';
import { logSource } from './log-source.ts';

async function onStage(work: (stage: LogStage) => Promise<void>): Promise<void> {
  const stage = await logStage();
  try {
    await work(stage);
  } finally {
    await stage.close();
  }
}

const sourceOf = ({ segments, sealer, log }: LogStage) =>
  logSource(segments, { deployment: sealer.deployment, vkeys: log.vkeys });
const folder = 'logs/group-1/202611';

async function checkpointOf(stage: LogStage) {
  const note = Buffer.from((await sourceOf(stage).read(`${folder}/checkpoint`))!).toString();
  return parseCheckpoint(note.slice(0, note.indexOf('\n\n') + 1));
}

test('the log is verified as it is served, without a copy of it', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 300);
    await stage.act({ tenant: `${'long name '.repeat(40)}` });
    await stage.act({ tenant: '..' });
    await stage.log.run();
    const verdict = await verifyLog(sourceOf(stage), { vkeys: stage.log.vkeys });
    assert.deepEqual([verdict.state, verdict.findings, verdict.logs], ['ok', [], 5]);
    assert.equal(verdict.entries, 604 + 3 + 4);
  });
});

test('an entry is proven to be in the log, and the log to have grown only', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 200);
    await stage.log.run();
    const earlier = await checkpointOf(stage);
    await stage.act({}, 333);
    await stage.log.run();
    const { size, root } = await checkpointOf(stage);
    const source = sourceOf(stage);
    const tile = async (of: Parameters<typeof tilePath>[0]) => source.read(`${folder}/${tilePath(of)}`);
    const proof = await consistencyProof(earlier.size, size, tile);
    assert.equal(
      verifyConsistency({
        oldSize: earlier.size,
        newSize: size,
        oldRoot: earlier.root,
        newRoot: root,
        proof,
      }),
      true,
    );
    const leaf = readEntries((await source.read(`${folder}/tile/entries/000`))!)[77]!;
    const path = await inclusionProof(77, size, tile);
    assert.equal(verifyInclusion({ index: 77, size, root, leafHash: leafHash(leaf), proof: path }), true);
  });
});

test('nothing is shown beyond what was published, and nothing at paths that are none', async () => {
  await onStage(async (stage) => {
    await stage.act({}, 20);
    await stage.log.run();
    const source = sourceOf(stage);
    assert.ok(await source.read(`${folder}/tile/0/000.p/41`));
    for (const path of [
      `${folder}/tile/0/000.p/42`,
      `${folder}/tile/0/000`,
      `${folder}/tile/0/000.p/041`,
      `${folder}/tile/1/000.p/1`,
      `${folder}/tile/entries/001`,
      `${folder}/tile/0/../checkpoint`,
      'logs/group-1/202612/checkpoint',
      'logs/group-1/202611-2/checkpoint',
      'logs/GROUP-1/202611/checkpoint',
      'logs/group%2D1/202611/checkpoint',
      'logs/%zz/202611/checkpoint',
      'logs//202611/checkpoint',
      'root/',
      'root/../policy.json',
      'secrets',
      '',
    ])
      assert.equal(await source.read(path), undefined, path);
  });
});
