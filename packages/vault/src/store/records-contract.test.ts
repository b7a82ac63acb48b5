import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { OpenRecords } from './contract/records-case.ts';
import { memoryRecords } from './memory/records.ts';
import { memoryTables } from './memory/tables.ts';
import { bytesOf } from './contract/records-case.ts';
import { sessionRecords, tableRecords } from './records-on-tables.ts';
import { recordsContract, sessionRecordsContract } from './records-contract.ts';
import { sqliteTables } from './sqlite/tables.ts';

const inMemory: OpenRecords = async ({ now }) => {
  const records = memoryRecords({ now });
  return { records, settle: async () => undefined, close: records.close };
};

const onMemoryTables: OpenRecords = async ({ now }) => {
  const tables = memoryTables({ now });
  const records = tableRecords(tables, { now });
  return { records, settle: async () => tables.settle(), close: records.close };
};

const onMemorySessions: OpenRecords = async ({ now }) => {
  const tables = memoryTables({ now });
  const records = sessionRecords(tables, { now });
  return { records, settle: async () => tables.settle(), close: records.close };
};

function inFile(networkMount: boolean, on = tableRecords): OpenRecords {
  return async ({ now }) => {
    const directory = await mkdtemp(join(tmpdir(), 'records-'));
    const records = on(sqliteTables({ file: join(directory, 'main.db'), now, networkMount }), { now });
    return {
      records,
      settle: async () => undefined,
      async close() {
        await records.close();
        await rm(directory, { recursive: true });
      },
    };
  };
}

describe.each([
  ['memory', inMemory],
  ['tables in memory', onMemoryTables],
  ['tables in SQLite with a write-ahead log', inFile(false)],
  ['tables in SQLite for one process alone', inFile(true)],
])('records in %s', (_, open) => {
  it.each(recordsContract)('$name', ({ run }) => run(open));
});

describe.each([
  ['memory', onMemorySessions],
  ['SQLite', inFile(false, sessionRecords)],
])('records in the table of sessions, in %s', (_, open) => {
  it.each(sessionRecordsContract)('$name', ({ run }) => run(open));

  it('have one owner, who finds them by its index, and no second one', async () => {
    const { records, settle, close } = await open({ now: Date.now });
    const endsAtMs = Date.now() + 3_600_000;
    await records.put('s', bytesOf('x'), { endsAtMs, owners: ['u'] });
    expect(await records.get('s')).toMatchObject({ bytes: bytesOf('x'), endsAtMs, owners: ['u'] });
    const two = records.put('t', bytesOf('x'), { endsAtMs, owners: ['u', 'v'] });
    await expect(two).rejects.toMatchObject({ code: 'item_invalid' });
    await settle();
    expect((await records.list('u', { limit: 9 })).names).toEqual(['s']);
    await records.bar('s', endsAtMs);
    await settle();
    expect((await records.list('u', { limit: 9 })).names).toEqual([]);
    await close();
  });
});
