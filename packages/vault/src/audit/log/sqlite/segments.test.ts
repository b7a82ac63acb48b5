import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it, test } from 'vitest';
import type { OpenSegments } from '../contract/segments-case.ts';
import { logIn, stepOf } from '../contract/segments-case.ts';
import { segmentsContract } from '../segments-contract.ts';
import { sqliteSegments } from './segments.ts';

function placesIn(folder: string) {
  return { directory: join(folder, 'audit'), rootFile: join(folder, 'audit-root.db') };
}

function inFiles(networkMount: boolean): OpenSegments {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-segments-'));
    const open = () => sqliteSegments({ ...placesIn(folder), networkMount });
    let segments = open();
    return {
      segments,
      async reopen() {
        await segments.close();
        return (segments = open());
      },
      async close() {
        await segments.close();
        await rm(folder, { recursive: true });
      },
    };
  };
}

describe.each([
  ['with a write-ahead log', inFiles(false)],
  ['for one process alone', inFiles(true)],
])('segments in SQLite %s', (_, open) => {
  it.each(segmentsContract)('$name', ({ run }) => run(open));
});

test('files are 0600 in a directory of 0700, and a dropped month leaves none', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-segments-'));
  const { directory, rootFile } = placesIn(folder);
  const segments = sqliteSegments({ directory, rootFile });
  await segments.begin('202611', []);
  await segments.begin('202612', []);
  const modes = [rootFile, ...readdirSync(directory).map((file) => join(directory, file))];
  assert.ok(modes.every((file) => (statSync(file).mode & 0o777) === 0o600));
  assert.equal(statSync(directory).mode & 0o777, 0o700);
  await segments.drop('202611');
  assert.deepEqual(
    readdirSync(directory).filter((file) => file.startsWith('202611')),
    [],
  );
  await segments.close();
  await rm(folder, { recursive: true });
});

test('a month that was killed while it began has not begun, and one of another version is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-segments-'));
  const { directory, rootFile } = placesIn(folder);
  const segments = sqliteSegments({ directory, rootFile });
  await (await segments.begin('202611', [])).commit({ logs: [stepOf(logIn('g'), 0, 1)] });
  new DatabaseSync(join(directory, '202612.db')).close();
  assert.ok(existsSync(join(directory, '202612.db')));
  assert.deepEqual(await segments.periods(), ['202611']);
  assert.equal((await segments.begin('202612', [])).name, '202612');
  const foreign = new DatabaseSync(join(directory, '202701.db'));
  foreign.exec('PRAGMA user_version = 9');
  foreign.close();
  await assert.rejects(segments.periods(), { code: 'store_unavailable' });
  await segments.close();
  await rm(folder, { recursive: true });
});
