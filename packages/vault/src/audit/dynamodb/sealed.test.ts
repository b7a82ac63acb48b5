import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { testService } from '../../testing/test-service.ts';
import { everyEntry } from '../every-entry.ts';
import type { SharedJournal } from '../journals.ts';
import { freshSegments, logTables } from '../log/dynamodb/fixtures/log-tables.ts';
import { readFolder } from '../log/fixtures/read-folder.ts';
import { isEventLeaf } from '../leaf/entry-of.ts';
import { openSealedLog } from '../log/sealed-log.ts';
import { openAudit } from '../record.ts';
import { journalTable } from './fixtures/journal-table.ts';

// Instances without a disk: what one wrote and did not seal before it was gone, the others seal.

const endpoint = await testService('dynamodb');
const sealer = oneKeySealer();
const noteKey = generateKeyPairSync('ed25519').privateKey;

/** @returns ids of the entries */
async function act(journal: SharedJournal, name: string, count: number): Promise<string[]> {
  const audit = openAudit({ journal });
  const context = {
    tenant: 'group-1',
    actor: { type: 'client', id: name },
    source: 'mcp',
    correlation: 'r1',
  } as const;
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1)
    ids.push((await audit.record('strict', context, { act: 'tool.call', object: 'connection:shop' })).entry);
  return ids;
}

function idsIn(folder: string): string[] {
  return [...readFolder(folder)]
    .filter(([path]) => path !== 'root')
    .flatMap(([, { leaves }]) => leaves.filter(isEventLeaf))
    .map((leaf) => (JSON.parse(leaf) as { readonly id: string }).id);
}

describe.skipIf(endpoint === undefined)('sealing of several journals', () => {
  it('what an instance left behind is sealed once by those that are there, and read by all', async () => {
    const table = await journalTable(endpoint!);
    const local = await logTables(endpoint!);
    const fresh = await freshSegments(local, endpoint!);
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-left-'));
    const clock = { nowMs: Date.UTC(2026, 10, 20) };
    const now = () => clock.nowMs;
    const opened: SharedJournal[] = [];
    const open = async () => {
      const journal = await table.open(sealer, { now });
      opened.push(journal);
      return journal;
    };
    const sealing = async (journal: SharedJournal) => {
      const segments = fresh.open(now);
      const parts = { journal, sealer, segments, noteKey, now };
      const log = await openSealedLog(parts);
      return { log, close: async () => (await log.close(), segments.close()) };
    };
    try {
      const gone = await open();
      const half = await sealing(gone);
      const acknowledged = await act(gone, 'gone', 3);
      await half.log.run();
      acknowledged.push(...(await act(gone, 'gone', 4)));
      await half.close();
      clock.nowMs += 2 * 60_000;
      const here = await Promise.all([open(), open(), open()]);
      for (const [at, journal] of here.entries()) acknowledged.push(...(await act(journal, `i${at}`, 5)));
      const sealings = await Promise.all(here.map(sealing));
      await Promise.all(sealings.map(({ log }) => log.run()));
      const out = join(folder, 'out');
      await sealings[0]!.log.write(out);
      const verdict = await verifyLog(folderSource(out), { vkeys: sealings[0]!.log.vkeys });
      assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
      assert.deepEqual(idsIn(out).toSorted(), acknowledged.toSorted());
      for (const { close } of sealings) await close();
      const read: string[] = [];
      for await (const page of everyEntry(here[1]!, { order: 'newest' }))
        read.push(...page.map(({ id }) => id));
      assert.deepEqual(read.toSorted(), acknowledged.toSorted());
    } finally {
      for (const journal of opened) await journal.close();
      await table.drop();
      await fresh.remove();
      local.close();
      await rm(folder, { recursive: true });
    }
  });
});
