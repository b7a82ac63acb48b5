import assert from 'node:assert/strict';
import type { Call, CallReader } from '@sealgate/vault';
import { test } from 'vitest';
import { hasGrown } from './anchor-due.ts';

// Whether the log has grown by more than what is written down of its anchors, whatever of it is still in the journal.

const anchoredMs = Date.UTC(2026, 10, 20, 12);
const minuteMs = 60_000;
let count = 0;

function called(act: string, atMs: number, endedMs = atMs): Call {
  count += 1;
  const [id, cause] = [`attempt-${count}`, `attempt-${count}`];
  const common = { v: 1, tenant: 'g1', corr: 'r1' } as const;
  return {
    attempt: { ...common, id, ts: atMs, cls: 'strict', act, obj: 'x' },
    outcome: { ...common, id: `outcome-${count}`, ts: endedMs, cls: 'async', cause, out: 'success' },
  };
}

/** Calls, the newest first, a few a page. */
function reader(calls: readonly Call[]): Pick<CallReader, 'newest'> {
  return {
    async *newest({ sinceMs = 0 }) {
      const meant = calls
        .filter(({ attempt }) => attempt.ts >= sinceMs)
        .toSorted((a, b) => b.attempt.ts - a.attempt.ts);
      for (let at = 0; at < meant.length; at += 7) yield meant.slice(at, at + 7);
    },
  };
}

const grown = (...calls: readonly Call[]): Promise<boolean> => hasGrown(reader(calls), anchoredMs);

test('a log has not grown by what is written down of anchors, nor by what came before the last', async () => {
  const own = [called('audit.anchor', anchoredMs + 1), called('audit.unanchored', anchoredMs + minuteMs)];
  assert.equal(await grown(), false);
  assert.equal(await grown(...own), false);
  assert.equal(await grown(...own, called('tool.call', anchoredMs - 5 * minuteMs)), false);
});

test('a log has grown by one call, however long ago, and by the end of one that began before', async () => {
  const own = Array.from({ length: 20 }, (_, at) => called('audit.anchor', anchoredMs + at * minuteMs));
  assert.equal(await grown(...own, called('tool.call', anchoredMs + minuteMs)), true);
  assert.equal(await grown(called('tool.call', anchoredMs - 5 * minuteMs, anchoredMs + minuteMs)), true);
});

test('behind many anchors it may have grown, and before them it has not', async () => {
  const many = (from: number, act: string) =>
    Array.from({ length: 300 }, (_, at) => called(act, from + at * 1000));
  assert.equal(await grown(...many(anchoredMs, 'audit.anchor')), true);
  assert.equal(await grown(...many(anchoredMs - 20 * minuteMs, 'tool.call')), false);
});
