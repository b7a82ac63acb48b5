import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'vitest';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { testService } from '../../testing/test-service.ts';
import type { Entry } from '../entry.ts';
import { everyEntry, type EntryReader } from '../every-entry.ts';
import { killedAtRandom } from '../fixtures/killed-at-random.ts';
import { journalTable } from './fixtures/journal-table.ts';

const endpoint = await testService('dynamodb');
const child = new URL('./journal.test.child.ts', import.meta.url).pathname;
const rounds = 40;

async function everything(journal: EntryReader): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const page of everyEntry(journal, { order: 'oldest' })) all.push(...page);
  return all;
}

describe.skipIf(endpoint === undefined)('a process that is killed', () => {
  it(
    'loses no acknowledged entry, whether the next one goes on with its journal or begins another',
    { timeout: 300_000 },
    async () => {
      const table = await journalTable(endpoint!);
      const key = randomBytes(32);
      try {
        const acknowledged: string[] = [];
        for (let round = 0; round < rounds; round += 1) {
          const abandonedMs = round % 3 === 0 ? '600000' : '0';
          const given = [endpoint!, table.tablePrefix, key.toString('hex'), abandonedMs];
          acknowledged.push(...(await killedAtRandom(child, given, 150)));
        }
        assert.ok(acknowledged.length >= rounds, `${acknowledged.length} acknowledged`);
        assert.ok(acknowledged.every((id) => id.length === 36));
        const journal = await table.open(oneKeySealer(key));
        const entries = await everything(journal);
        const verdict = await journal.verify();
        assert.partialDeepStrictEqual(verdict, { state: 'intact', entries: entries.length });
        const standing = new Set(entries.map(({ id }) => id));
        assert.equal(standing.size, entries.length, 'no entry stands twice');
        assert.deepEqual(
          acknowledged.filter((id) => !standing.has(id)),
          [],
        );
        assert.deepEqual(await everything(journal), entries);
        await journal.close();
        console.log(`crash: ${acknowledged.length} acknowledged entries, none lost`);
      } finally {
        await table.drop();
      }
    },
  );
});
