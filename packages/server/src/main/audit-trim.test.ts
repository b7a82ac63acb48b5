import { Refusal, type SealedLog } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { openLog } from '../main.ts';
import { openAuditTrim } from './audit-trim.ts';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 10, 20);
const sealed = [
  { writer: 'a', batch: 5, digest: new Uint8Array(32), entry: 9 },
  { writer: 'b', batch: 7, digest: new Uint8Array(32), entry: 9 },
];

function opened() {
  const trims: (readonly [writer: string, keptFromMs: number])[] = [];
  const faults: { sealing?: Refusal; trimming?: Error } = {};
  const lines: string[] = [];
  const trim = openAuditTrim({
    journal: {
      async trim({ writer }, keptFromMs) {
        if (faults.trimming) throw faults.trimming;
        trims.push([writer, keptFromMs]);
      },
    },
    auditLog: {
      catchUp: async () => faults.sealing,
      log: async () => ({ settled: async () => sealed }) as unknown as SealedLog,
    },
    log: openLog('warn', { write: (line: string) => void lines.push(line) }),
    now: () => nowMs,
    everyMs: 5,
  });
  return { trim, trims, faults, lines };
}

test('what was sealed leaves each journal a day later', async () => {
  const { trim, trims } = opened();
  trim.start();
  await expect.poll(() => trims.length).toBeGreaterThanOrEqual(2);
  await trim.close();
  expect(trims.slice(0, 2)).toEqual([
    ['a', nowMs - dayMs],
    ['b', nowMs - dayMs],
  ]);
});

test('at an erasure all of it leaves, and is tried again when that fails, and then it is a day again', async () => {
  const { trim, trims, faults, lines } = opened();
  faults.trimming = new Error('no disk');
  await trim.all();
  expect(trims).toEqual([]);
  expect(lines.filter((line) => line.includes('no disk'))).toHaveLength(1);
  delete faults.trimming;
  trim.start();
  await expect.poll(() => trims.length).toBeGreaterThanOrEqual(4);
  await trim.close();
  expect(trims.slice(0, 3).map(([, keptFromMs]) => keptFromMs)).toEqual([Infinity, Infinity, nowMs - dayMs]);
});

test('while sealing fails nothing leaves, not even at an erasure', async () => {
  const { trim, trims, faults } = opened();
  faults.sealing = new Refusal('journal_broken', 'the log is older than an anchor of it');
  await trim.all();
  expect(trims).toEqual([]);
  delete faults.sealing;
  trim.start();
  await expect.poll(() => trims.length).toBeGreaterThanOrEqual(2);
  await trim.close();
  expect(trims[0]).toEqual(['a', Infinity]);
});
