import assert from 'node:assert/strict';
import { test } from 'vitest';
import { uuid7Source } from './uuid7.ts';

test('an id is a UUID of version 7 with its time in front', () => {
  const id = uuid7Source()(0x017f22e279b0);
  assert.match(id, /^017f22e2-79b0-7[0-7][0-9a-f]{2}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});

test('ids rise within a millisecond, past the counter’s end, and when the time stands behind them', () => {
  const uuid7 = uuid7Source();
  let last = '';
  for (let i = 0; i < 20_000; i += 1) {
    const id = uuid7(1000 + Math.floor(i / 12_000));
    assert.ok(id > last, `${id} after ${last}`);
    last = id;
  }
});

test('no random byte serves twice', () => {
  let next = 0;
  const uuid7 = uuid7Source((size) => Uint8Array.from({ length: size }, () => (next += 1) & 0xff));
  const tails = new Set(Array.from({ length: 500 }, (_, i) => uuid7(1000 + i * 10).slice(15)));
  assert.ok(tails.size > 25);
  const sources = [uuid7Source(), uuid7Source()];
  assert.notEqual(sources[0]!(1).slice(19), sources[1]!(1).slice(19));
});
