import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import type { OpenTables } from './contract/tables-case.ts';
import { memoryTables } from './memory/tables.ts';
import { sqliteTables } from './sqlite/tables.ts';
import { tablesContract } from './tables-contract.ts';

const inMemory: OpenTables = async ({ now }) => {
  const tables = memoryTables({ now });
  return { tables, bringIn: tables.bringIn, settle: async () => tables.settle(), close: tables.close };
};

function inFile(networkMount: boolean): OpenTables {
  return async ({ now }) => {
    const directory = await mkdtemp(join(tmpdir(), 'tables-'));
    const tables = sqliteTables({ file: join(directory, 'main.db'), now, networkMount });
    return {
      tables,
      bringIn: tables.bringIn,
      settle: async () => undefined,
      async close() {
        await tables.close();
        await rm(directory, { recursive: true });
      },
    };
  };
}

describe.each([
  ['memory', inMemory],
  ['SQLite with a write-ahead log', inFile(false)],
  ['SQLite for one process alone', inFile(true)],
])('tables in %s', (_, open) => {
  it.each(tablesContract)('$name', ({ run }) => run(open));
});
