import { afterAll, describe, it } from 'vitest';
import { openFaultProxy, type FaultyCall, type Planned } from '../../testing/dynamodb-faults.ts';
import { laggingIndexes } from '../../testing/lagging-indexes.ts';
import { testService } from '../../testing/test-service.ts';
import type { OpenRecords } from '../contract/records-case.ts';
import type { OpenTables } from '../contract/tables-case.ts';
import { recordsContract, sessionRecordsContract } from '../records-contract.ts';
import { sessionRecords, tableRecords } from '../records-on-tables.ts';
import { tablesContract } from '../tables-contract.ts';
import { localTables } from './fixtures/local-tables.ts';
import { dynamoTables } from './tables.ts';

// Every promise of tables, and of records on them, on the real thing: as it is, behind a network that loses answers,
// and with indexes that lag.

const dynamodb = await testService('dynamodb');

/** Every third write is carried out and its answer lost, every seventh request is reset; none of them twice in a row. */
function trouble(): (call: FaultyCall) => Planned | undefined {
  const met = new Set<string>();
  return ({ operation, body, count }) => {
    const token = /"ClientRequestToken":"([^"]+)"/.exec(body)?.[1] ?? '';
    if (operation === 'TransactWriteItems' && count % 3 === 0 && !met.has(token)) {
      met.add(token);
      return { fault: 'lost answer' };
    }
    return count % 7 === 0 ? { fault: 'reset' } : undefined;
  };
}

describe.skipIf(dynamodb === undefined)('DynamoDB', async () => {
  if (dynamodb === undefined) return;
  const local = await localTables(dynamodb);
  const proxy = await openFaultProxy(dynamodb);
  proxy.plan(trouble());
  afterAll(() => proxy.close());

  // What is refused never reaches the database.
  const reaching = tablesContract.filter(({ name }) => !name.endsWith('is refused'));
  const backEnds = [
    ['as it is', dynamodb, 0, tablesContract],
    ['behind a failing network', proxy.url, 0, reaching],
    ['with indexes that lag by 500 ms', dynamodb, 500, reaching],
  ] as const;

  describe.each(backEnds)('%s', (_, endpoint, lagMs, cases) => {
    const lagging = (now: () => number) =>
      laggingIndexes(dynamoTables({ ...local, endpoint, now }), { lagMs, now });
    const open: OpenTables = async ({ now }) => {
      const tables = lagging(now);
      return {
        tables,
        bringIn: tables.bringIn,
        settle: async () => tables.settle(),
        async close() {
          await local.empty();
          await tables.close();
        },
      };
    };
    const openOn =
      (place: typeof tableRecords): OpenRecords =>
      async ({ now }) => {
        const tables = lagging(now);
        const records = place(tables, { now });
        return {
          records,
          settle: async () => tables.settle(),
          async close() {
            await local.empty();
            await records.close();
          },
        };
      };
    it.each(cases)('tables: $name', ({ run }) => run(open));
    it.each(recordsContract)('records: $name', ({ run }) => run(openOn(tableRecords)));
    it.each(sessionRecordsContract)('sessions: $name', ({ run }) => run(openOn(sessionRecords)));
  });
});
