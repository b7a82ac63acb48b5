import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'vitest';
import { openAnchorFile, type AnchorRecord } from './anchor-file.ts';

let folder = '';
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'anchor-file-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function record(atMs: number, given: Partial<AnchorRecord> = {}): AnchorRecord {
  const head = { origin: 'gate/audit/root', size: atMs, root: 'AA==', note: `note ${atMs}` };
  return { place: 'webhook', state: 'anchored', atMs, ...head, ...given };
}

test('what was anchored is there after a restart, for its owner alone, and the last failure of a place', async () => {
  const path = join(folder, 'anchors.json');
  const file = await openAnchorFile(path);
  for (let atMs = 1; atMs <= 60; atMs += 1) await file.add(record(atMs));
  await file.add(record(61, { place: 'archive' }));
  await file.add(record(62, { state: 'failed', code: 'fetch_failed' }));
  await file.add(record(63, { state: 'failed', code: 'fetch_timeout' }));
  const again = (await openAnchorFile(path)).list();
  assert.equal(again.filter(({ place }) => place === 'webhook').length, 50);
  assert.deepEqual(
    again.slice(-3).map(({ atMs, code }) => [atMs, code]),
    [
      [60, undefined],
      [61, undefined],
      [63, 'fetch_timeout'],
    ],
  );
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('a file that is not in its form has nothing, and is replaced by what is added', async () => {
  const path = join(folder, 'anchors.json');
  for (const text of [
    '',
    'no JSON',
    '[]',
    'null',
    '{"v":2,"anchors":[]}',
    '{"v":1,"anchors":[{"place":"x"}]}',
  ]) {
    writeFileSync(path, text);
    const file = await openAnchorFile(path);
    assert.deepEqual(file.list(), []);
    await file.add(record(1));
    assert.equal((await openAnchorFile(path)).list().length, 1);
  }
});
