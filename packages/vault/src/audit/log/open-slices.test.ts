import assert from 'node:assert/strict';
import { test } from 'vitest';
import { openSlices } from './open-slices.ts';
import { plainLines } from './packed-lines.ts';
import type { LogName, Period } from './segments.ts';

const width = 4;
/** Logs without bodies, of slices of four leaves. @param reads told of each slice that is read */
function periodOf(reads: string[]): Period {
  const sliceWith: Period['sliceWith'] = async ({ scope, shard }, ix) => {
    const first = ix - (ix % width);
    reads.push(`${shard} ${scope} ${first}`);
    const leaves = Array.from({ length: width }, (_, at) => `${scope} ${first + at}`);
    return { first, leaves: plainLines(leaves), bodies: undefined };
  };
  return { sliceWith } as unknown as Period;
}
const logOf = (scope: string): LogName => ({ scope, shard: '202611' });
const sealer = { open: () => assert.fail('nothing is sealed') };

async function leafAt(slices: ReturnType<typeof openSlices>, period: Period, log: LogName, ix: number) {
  return (slices.at(log, ix) ?? (await slices.open(period, log, ix))).leaf(ix);
}

test('a slice is read once while its neighbours are read in turns', async () => {
  const reads: string[] = [];
  const [period, slices] = [periodOf(reads), openSlices(sealer, () => false)];
  for (let at = 0; at < 4 * width; at += 1)
    for (const scope of ['g1', 'g2'])
      for (const ix of [at, at + width])
        assert.equal(await leafAt(slices, period, logOf(scope), ix), `${scope} ${ix}`);
  assert.equal(reads.length, 2 * 5);
  assert.equal(new Set(reads).size, reads.length);
});

test('of very many logs slices are let go, and read again where they are wanted', async () => {
  const reads: string[] = [];
  const [period, slices] = [periodOf(reads), openSlices(sealer, () => false)];
  const scopes = Array.from({ length: 1000 }, (_, n) => `group ${n}`);
  for (const scope of [...scopes, ...scopes.slice(0, 3)])
    assert.equal(await leafAt(slices, period, logOf(scope), 5), `${scope} 5`);
  assert.equal(reads.length, 1003);
  assert.equal(scopes.filter((scope) => slices.at(logOf(scope), 5) !== undefined).length, 128);
});
