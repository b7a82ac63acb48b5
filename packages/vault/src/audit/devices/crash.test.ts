import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'vitest';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { everyEntry } from '../every-entry.ts';
import { killedAtRandom } from '../fixtures/killed-at-random.ts';
import { openJournal, type Journal } from '../journal.ts';
import { fileDevice } from './file-device.ts';
import { bothWell } from './fixtures/two-devices.ts';

const child = new URL('../journal.test.child.ts', import.meta.url).pathname;
const key = randomBytes(32);
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-devices-crash-'));
});
afterEach(() => rm(directory, { recursive: true }));

const at = (name: string) => join(directory, name);

/** What stands in the journal that these two files make. */
async function attemptsOf(path: string, second: string | undefined): Promise<Set<string>> {
  const journal: Journal = await openJournal({
    path,
    sealer: oneKeySealer(key),
    now: Date.now,
    ...(second !== undefined && { second: { device: fileDevice(second) } }),
  });
  if (second !== undefined) await bothWell(journal);
  const ids = new Set<string>();
  assert.equal((await journal.verify()).state, 'intact');
  for await (const page of everyEntry(journal, { order: 'oldest' }))
    for (const { id, act } of page) if (act !== undefined) ids.add(id);
  await journal.close();
  return ids;
}

test(
  'after 15 kills at random moments either device alone holds every acknowledged entry',
  { timeout: 90_000 },
  async () => {
    const acknowledged: string[] = [];
    const given = [at('journal.db'), key.toString('hex'), at('second.jsonl')];
    for (let round = 0; round < 15; round += 1) acknowledged.push(...(await killedAtRandom(child, given)));
    assert.ok(acknowledged.length > 100, `${acknowledged.length} acknowledged`);
    for (const side of ['', '-wal']) copyFileSync(at(`journal.db${side}`), at(`alone.db${side}`));
    const standing = await attemptsOf(at('alone.db'), undefined);
    for (const side of ['', '-wal', '-shm']) rmSync(at(`journal.db${side}`), { force: true });
    const restored = await attemptsOf(at('journal.db'), at('second.jsonl'));
    for (const ids of [standing, restored])
      assert.deepEqual(
        acknowledged.filter((id) => !ids.has(id)),
        [],
      );
    console.log(`devices: ${acknowledged.length} acknowledged entries, none lost on either`);
  },
);

test('where the journal takes no more bytes the second file goes on alone, and nothing acknowledged is lost', async () => {
  const limit = ['-c', 'ulimit -f 300; exec "$@"', 'sh', process.execPath];
  const args = [...limit, child, at('journal.db'), key.toString('hex'), at('second.jsonl')];
  const limited = spawn('sh', args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  limited.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  await once(limited, 'close');
  const acknowledged = text.split('\n').slice(0, -1);
  assert.equal(acknowledged.pop(), 'refused audit_unavailable');
  for (const side of ['', '-wal']) copyFileSync(at(`journal.db${side}`), at(`alone.db${side}`));
  const alone = await attemptsOf(at('alone.db'), undefined);
  assert.ok(acknowledged.some((id) => !alone.has(id)));
  const both = await attemptsOf(at('journal.db'), at('second.jsonl'));
  assert.deepEqual(
    acknowledged.filter((id) => !both.has(id)),
    [],
  );
});
