import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { OpenRecords } from './contract/records-case.ts';
import { memoryRecords } from './memory/records.ts';
import { memoryTables } from './memory/tables.ts';
import { tableRecords } from './records-on-tables.ts';
import { recordsContract } from './records-contract.ts';
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

function inFile(networkMount: boolean): OpenRecords {
  return async ({ now }) => {
    const directory = await mkdtemp(join(tmpdir(), 'records-'));
    const records = tableRecords(sqliteTables({ file: join(directory, 'main.db'), now, networkMount }), {
      now,
    });
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
