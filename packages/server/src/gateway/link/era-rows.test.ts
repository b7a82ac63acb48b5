import { expect, test } from 'vitest';
import { memoryTables } from '@sealgate/vault';
import { openEraRows } from './era-rows.ts';
import { child, http } from './fixtures/upstreams.ts';

const dayMs = 24 * 3600 * 1000;

test('what was found out holds for seven days, of that group and upstream alone', async () => {
  const clock = { nowMs: 1000 };
  const rows = openEraRows(memoryTables({ now: Date.now }), () => clock.nowMs);
  const upstream = http('https://a.test');
  expect(await rows.recall('g1', upstream)).toBeUndefined();
  const found = { known: { modern: true }, atMs: 1000 };
  await rows.remember('g1', upstream, found);
  expect(await rows.recall('g1', upstream)).toEqual(found);
  expect(await rows.recall('g2', upstream)).toBeUndefined();
  expect(await rows.recall('g1', http('https://a.test', 'other'))).toBeUndefined();
  clock.nowMs += 7 * dayMs - 1;
  expect(await rows.recall('g1', upstream)).toEqual(found);
  clock.nowMs += 1;
  expect(await rows.recall('g1', upstream)).toBeUndefined();
});

test.each([
  ['an address', http('https://a.test', 'up'), http('https://b.test', 'up')],
  ['a command', child('up', ['a.mjs']), child('up', ['b.mjs'])],
  ['a command that became an address', child('up', []), http('https://a.test', 'up')],
])('nothing holds of %s that has changed, nor of one that is forgotten', async (_, before, after) => {
  const rows = openEraRows(memoryTables({ now: Date.now }), () => 0);
  await rows.remember('g1', before, { known: 'legacy', atMs: 0 });
  expect(await rows.recall('g1', before)).toBeDefined();
  expect(await rows.recall('g1', after)).toBeUndefined();
  await rows.forget('g1', before);
  expect(await rows.recall('g1', before)).toBeUndefined();
});
