import type { EntryPage } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { boundedReader } from './bounded-reader.ts';

const page: EntryPage = { entries: [], cursor: 'next', reached: { entry: 0, of: 0 } };
const question = { order: 'newest', limit: 1 } as const;

function reading(untilMs = Infinity) {
  const state = { nowMs: 0, stands: true, read: 0, gone: new AbortController() };
  const inner = { page: async () => ((state.read += 1), page) };
  const reader = boundedReader(inner, {
    signal: state.gone.signal,
    untilMs,
    stands: async () => state.stands,
    now: () => state.nowMs,
  });
  return { state, read: () => reader.page(question) };
}

test('reads page by page as long as somebody waits, may read, and it takes not too long', async () => {
  const { state, read } = reading(60_000);
  for (const nowMs of [0, 30_000, 60_000]) {
    state.nowMs = nowMs;
    expect(await read()).toBe(page);
  }
  state.nowMs = 60_001;
  await expect(read()).rejects.toMatchObject({ code: 'reading_ended' });
  expect(state.read).toBe(3);
});

test('reads nothing more for somebody who has gone', async () => {
  const { state, read } = reading();
  await read();
  state.gone.abort();
  await expect(read()).rejects.toMatchObject({ code: 'reading_ended' });
  expect(state.read).toBe(1);
});

test('reads nothing more for somebody who was removed a second ago', async () => {
  const { state, read } = reading();
  await read();
  state.stands = false;
  state.nowMs = 1000;
  await expect(read()).rejects.toMatchObject({ code: 'unauthorized' });
  expect(state.read).toBe(1);
});
