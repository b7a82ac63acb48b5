import { describe, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import type { OpenRecords } from '../contract/records-case.ts';
import type { OpenTables } from '../contract/tables-case.ts';
import { recordsContract } from '../records-contract.ts';
import { tableRecords } from '../records-on-tables.ts';
import { tablesContract } from '../tables-contract.ts';
import { localTables } from './fixtures/local-tables.ts';
import { dynamoTables } from './tables.ts';

const endpoint = await testService('dynamodb');

describe.skipIf(endpoint === undefined)('DynamoDB', async () => {
  if (endpoint === undefined) return;
  const local = await localTables(endpoint);
  // DynamoDB Local shows a write in its indexes at once.
  const settle = async (): Promise<void> => undefined;

  const open: OpenTables = async ({ now }) => {
    const tables = dynamoTables({ ...local, now });
    return {
      tables,
      bringIn: tables.bringIn,
      settle,
      async close() {
        await local.empty();
        await tables.close();
      },
    };
  };
  const openRecords: OpenRecords = async ({ now }) => {
    const records = tableRecords(dynamoTables({ ...local, now }), { now });
    return {
      records,
      settle,
      async close() {
        await local.empty();
        await records.close();
      },
    };
  };

  describe('tables', () => {
    it.each(tablesContract)('$name', ({ run }) => run(open));
  });
  describe('records on tables', () => {
    it.each(recordsContract)('$name', ({ run }) => run(openRecords));
  });
});
