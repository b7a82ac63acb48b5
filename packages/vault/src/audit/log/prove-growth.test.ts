import assert from 'node:assert/strict';
import { test } from 'vitest';
import { verifyConsistency } from '../../tlog/check-proof.ts';
import { openCheckpoint, type Checkpoint } from '../../tlog/checkpoint.ts';
import { logStage } from './fixtures/stage.ts';
import type { PublishedLog } from './log-source.ts';
import { proveGrowth } from './prove-growth.ts';
import { tenantLog } from './tenant-log.ts';

type Stage = Awaited<ReturnType<typeof logStage>>;

async function opened(stage: Stage, tenant: string): Promise<Checkpoint> {
  const note = await stage.log.newest(tenant);
  return openCheckpoint(note!, { origin: undefined, vkeys: stage.log.vkeys });
}

async function holds(log: PublishedLog, before: Checkpoint, after: Checkpoint): Promise<boolean> {
  const { origin, size: oldSize } = before;
  const grown = (await proveGrowth(log, { origin, oldSize, newSize: after.size }))!;
  const proof = grown.proof.map((hash) => Buffer.from(hash, 'base64'));
  return verifyConsistency({
    oldSize,
    oldRoot: before.root,
    newSize: grown.newSize,
    newRoot: after.root,
    proof,
  });
}

test('a log is proven to go on from every state that it was in, over tiles that are full and that are not', async () => {
  const stage = await logStage();
  try {
    const states: Checkpoint[] = [];
    for (const more of [1, 5, 250, 1, 300]) {
      await stage.act({ tenant: 'group-1' }, more);
      await stage.log.run();
      states.push(await opened(stage, 'group-1'));
    }
    const log = stage.log.source();
    for (const [at, before] of states.entries())
      for (const after of states.slice(at)) assert.equal(await holds(log, before, after), true);
    const [first, last] = [states[0]!, states.at(-1)!];
    const forged = { ...first, root: Buffer.from(first.root).fill(7) };
    assert.equal(await holds(log, forged, last), false, 'another state than it had');
    const { origin } = first;
    const now = await proveGrowth(log, { origin, oldSize: first.size });
    assert.equal(now?.newSize, last.size);
    for (const [oldSize, newSize] of [
      [last.size, first.size],
      [1, last.size + 1],
      [last.size + 1, undefined],
    ] as const)
      await assert.rejects(proveGrowth(log, { origin, oldSize, newSize }), { code: 'item_invalid' });
  } finally {
    await stage.close();
  }
});

test('of another tenant, and of the log over all logs, a tenant’s part of the log has nothing', async () => {
  const stage = await logStage();
  try {
    await stage.act({ tenant: 'group-1' }, 3);
    await stage.act({ tenant: 'group-11' }, 3);
    await stage.log.run();
    const whole = stage.log.source();
    const own = tenantLog(whole, 'group-1');
    const [ours, theirs] = [await opened(stage, 'group-1'), await opened(stage, 'group-11')];
    assert.equal(await stage.log.newest('group-111'), undefined);
    assert.equal(await holds(own, ours, ours), true);
    const foreign = [theirs.origin, undefined, 'x', `${ours.origin}/..`, `${theirs.origin}-2`];
    for (const origin of foreign) assert.equal(await proveGrowth(own, { origin, oldSize: 1 }), undefined);
    assert.notEqual(await proveGrowth(whole, { origin: theirs.origin, oldSize: 1 }), undefined);
    const month = theirs.origin.split('/').at(-1);
    for (const path of ['root/checkpoint', `logs/group-11/${month}/checkpoint`, 'anchors.jsonl'])
      assert.equal(await own.read(path), undefined);
    assert.notEqual(await own.read(`logs/group-1/${month}/checkpoint`), undefined);
  } finally {
    await stage.close();
  }
});
