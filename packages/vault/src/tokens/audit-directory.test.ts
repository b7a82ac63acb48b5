import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openJournalReader } from '../audit/journal.ts';
import { openSealer } from '../keys/open-sealer.ts';
import { memoryRecords } from '../store/memory/records.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';
import { countedKeys } from './fixtures/test-manager.ts';
import { SecureTokenManager } from './secure-token-manager.ts';

const parent = mkdtempSync(join(tmpdir(), 'token-audit-'));
afterAll(() => rmSync(parent, { recursive: true }));
const provider = countedKeys();
const records = memoryRecords({ now: Date.now });
const open = async (directory = parent): Promise<SecureTokenManager> => {
  const manager = new SecureTokenManager({ records, provider, audit: { directory }, service: 'checkout' });
  await manager.connect();
  return manager;
};

async function journalIn(directory: string) {
  const tables = sqliteTables({ file: join(directory, 'keys.db'), now: Date.now });
  const sealer = await openSealer({ tables, provider, now: Date.now });
  const reader = openJournalReader({ path: join(directory, 'journal.db'), sealer });
  const { entries } = await reader.page({ order: 'oldest', limit: 1000 });
  const { state } = await reader.verify();
  await reader.close();
  await sealer.close();
  await tables.close();
  return { acts: entries.map(({ act, out, code }) => act ?? [out, code].join(' ').trim()), state };
}

it('each read is in the journal of its process, which goes on where it ended', async () => {
  const [one, other] = [await open(), await open()];
  await one.storeToken('client-1', 'stripe', 'a');
  await other.getToken('client-1', 'stripe');
  await other.getToken('client-1', 'paypal');
  await one.disconnect();
  await other.disconnect();
  const again = await open();
  await again.getToken('client-1', 'stripe');
  await again.disconnect();
  expect(await journalIn(join(parent, 'tokens-1'))).toEqual({
    acts: ['token.store', 'success', 'token.get', 'success'],
    state: 'intact',
  });
  expect(await journalIn(join(parent, 'tokens-2'))).toEqual({
    acts: ['token.get', 'success', 'token.get', 'failure token_absent'],
    state: 'intact',
  });
});

it('ten thousand reads at once are ten thousand entries', async () => {
  const directory = mkdtempSync(join(parent, 'many-'));
  const manager = await open(directory);
  await manager.storeToken('client-2', 'stripe', 'a');
  await Promise.all(Array.from({ length: 10_000 }, () => manager.getToken('client-2', 'stripe')));
  await manager.disconnect();
  const tables = sqliteTables({ file: join(directory, 'tokens-1', 'keys.db'), now: Date.now });
  const sealer = await openSealer({ tables, provider, now: Date.now });
  const reader = openJournalReader({ path: join(directory, 'tokens-1', 'journal.db'), sealer });
  const counts = { attempts: 0, successes: 0 };
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const from = cursor === undefined ? {} : { cursor };
    const page = await reader.page({ order: 'oldest', limit: 1000, ...from });
    for (const { act, out } of page.entries) {
      if (act === 'token.get') counts.attempts += 1;
      if (out === 'success') counts.successes += 1;
    }
    cursor = page.cursor;
  }
  await reader.close();
  await sealer.close();
  await tables.close();
  expect(counts).toEqual({ attempts: 10_000, successes: 10_001 });
});

it('a directory that others can read is refused, and nothing stays open', async () => {
  const { chmodSync } = await import('node:fs');
  const directory = mkdtempSync(join(parent, 'open-'));
  chmodSync(directory, 0o755);
  await expect(open(directory)).rejects.toMatchObject({ code: 'data_directory_unsafe' });
  chmodSync(directory, 0o700);
  await (await open(directory)).disconnect();
});
