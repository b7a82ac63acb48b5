import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { envKey } from '../keys/env-key.ts';
import { openSealer } from '../keys/open-sealer.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';
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
      trimmed: 0,
      end: journal.health().end,
    });
    await journal.close();
    await sealer.close();
  }
  const stranger = await openSealer({ tables: memoryTables({ now }), provider: provider(), now });
  await assert.rejects(openJournal({ path, sealer: stranger, now }), { code: 'journal_broken' });
  rmSync(directory, { recursive: true });
});

test('a journal beside an older copy of the tables is not gone on with', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-journal-older-'));
  const [path, older] = [join(directory, 'journal.db'), join(directory, 'older.db')];
  const root = randomBytes(32).toString('hex');
  const now = Date.now;
  const opened = async (file: string) => {
    const tables = sqliteTables({ file, now });
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    return { tables, sealer, close: async () => (await sealer.close(), tables.close()) };
  };
  const first = await opened(join(directory, 'main.db'));
  first.tables.truncateLog();
  copyFileSync(join(directory, 'main.db'), older);
  const journal = await openJournal({ path, sealer: first.sealer, now });
  await journal.append(JSON.stringify({ id: 'e1', ts: journal.stampMs() }));
  await journal.close();
  await first.close();
  const back = await opened(older);
  await assert.rejects(openJournal({ path, sealer: back.sealer, now }), { code: 'journal_broken' });
  await back.close();
  rmSync(directory, { recursive: true });
});
