import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { envKey } from '../keys/env-key.ts';
import { openSealer } from '../keys/open-sealer.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { openJournal } from './journal.ts';

test('a journal opens under the deployment’s own keys, after a restart and a day’s rotation, and under no others', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-journal-keys-'));
  const path = join(directory, 'journal.db');
  let nowMs = 1_000_000;
  const now = () => nowMs;
  const provider = () => envKey(randomBytes(32).toString('base64url'));
  const parts = { tables: memoryTables({ now }), provider: provider(), now };
  for (let day = 1; day <= 3; day += 1, nowMs += 25 * 3_600_000) {
    const sealer = await openSealer(parts);
    const journal = await openJournal({ path, sealer, now });
    await journal.append(JSON.stringify({ id: `e${day}`, ts: journal.stampMs() }));
    const page = await journal.page({ order: 'newest', limit: 1 });
    assert.equal(page.entries[0]!.id, `e${day}`);
    assert.equal(
      (await journal.page({ order: 'newest', limit: 9, cursor: page.cursor! })).entries.length,
      day - 1,
    );
    assert.deepEqual(await journal.verify(), {
      state: 'intact',
      batches: day,
      entries: day,
      end: journal.health().end,
    });
    await journal.close();
    await sealer.close();
  }
  const stranger = await openSealer({ tables: memoryTables({ now }), provider: provider(), now });
  await assert.rejects(openJournal({ path, sealer: stranger, now }), { code: 'journal_broken' });
  rmSync(directory, { recursive: true });
});
