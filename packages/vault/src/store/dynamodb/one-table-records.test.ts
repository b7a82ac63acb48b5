import { describe, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import type { OpenRecords } from '../contract/records-case.ts';
import { recordsContract } from '../records-contract.ts';
import { sessionTable } from './fixtures/session-table.ts';
import { oneTableRecords } from './one-table-records.ts';

const dynamodb = await testService('dynamodb');

describe.skipIf(dynamodb === undefined)('records in one table of DynamoDB', () => {
  const open: OpenRecords = async ({ now }) => {
    const table = await sessionTable(dynamodb ?? '');
    return {
      records: oneTableRecords({ ...table, now }),
      settle: async () => undefined,
      close: () => table.remove(),
    };
  };
  it.each(recordsContract)('$name', ({ run }) => run(open));
});
