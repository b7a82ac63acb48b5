import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, test } from 'vitest';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { Entry } from './entry.ts';
import { everyEntry } from './every-entry.ts';
import { killedAtRandom } from './fixtures/killed-at-random.ts';
import { openJournalReader, type JournalReader } from './journal.ts';

const child = new URL('./journal.test.child.ts', import.meta.url).pathname;
const directories: string[] = [];
afterAll(() => Promise.all(directories.map((path) => rm(path, { recursive: true }))));

function place() {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-crash-'));
  directories.push(directory);
  return { path: join(directory, 'journal.db'), key: randomBytes(32) };
}

async function everything(journal: JournalReader): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const page of everyEntry(journal, { order: 'oldest' })) entries.push(...page);
  return entries;
}

/** The chain is whole, and each acknowledged id stands in it once. */
async function holds(path: string, key: Buffer, acknowledged: string[]) {
  const journal = openJournalReader({ path, sealer: oneKeySealer(key) });
  const verdict = await journal.verify();
  const entries = await everything(journal);
  await journal.close();
  assert.equal(verdict.state, 'intact');
  assert.equal(entries.length, verdict.state === 'intact' && verdict.entries);
  const attempts = entries.filter((entry) => entry.act !== undefined).map((entry) => entry.id);
  const standing = new Set(attempts);
  assert.equal(standing.size, attempts.length, 'no entry stands twice');
  assert.deepEqual(
    acknowledged.filter((id) => !standing.has(id)),
    [],
  );
  assert.ok(
    entries.every((entry, index) => index === 0 || entry.ts >= entries[index - 1]!.ts),
    'time goes forward',
  );
}

// About 20 s on two idle cores; the time goes into starting processes.
test(
  'after 50 kills at random moments every acknowledged entry stands once in a whole chain',
  { timeout: 180_000 },
  async () => {
    const { path, key } = place();
    const acknowledged: string[] = [];
    for (let round = 0; round < 50; round += 1) {
      acknowledged.push(...(await killedAtRandom(child, [path, key.toString('hex')])));
    }
    assert.ok(acknowledged.length > 500, `${acknowledged.length} acknowledged`);
    assert.ok(acknowledged.every((id) => id.length === 36));
    await holds(path, key, acknowledged);
    console.log(`crash: ${acknowledged.length} acknowledged entries, none lost`);
  },
);

test('a disk that takes no more bytes refuses attempts, and loses none that it acknowledged', async () => {
  const { path, key } = place();
  const limited = spawn(
    'sh',
    ['-c', `ulimit -f 300; exec "$@"`, 'sh', process.execPath, child, path, key.toString('hex')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let text = '';
  limited.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  await once(limited, 'close');
  const lines = text.split('\n').slice(0, -1);
  assert.equal(lines.at(-1), 'refused audit_unavailable');
  assert.ok(lines.length > 10, `${lines.length} acknowledged`);
  await holds(path, key, lines.slice(0, -1));
});
