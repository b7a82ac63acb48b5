import { describe, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { busContract } from '../bus-contract.ts';
import type { OpenBuses } from '../contract/bus-case.ts';
import { twoBuses } from '../fixtures/two-buses.ts';
import { polledBus } from '../polled-bus.ts';
import type { Tables } from '../tables.ts';
import { localTables } from './fixtures/local-tables.ts';
import { dynamoTables } from './tables.ts';

const endpoint = await testService('dynamodb');

describe.skipIf(endpoint === undefined)('bus polled on DynamoDB', async () => {
  if (endpoint === undefined) return;
  const local = await localTables(endpoint);
  const open: OpenBuses = async () => {
    const each = [
      dynamoTables({ ...local, now: Date.now }),
      dynamoTables({ ...local, now: Date.now }),
    ] as const;
    const polled = (tables: Tables) => polledBus(tables, { pollMs: 20 });
    return twoBuses([polled(each[0]), polled(each[1])], async () => {
      await local.empty();
      for (const tables of each) await tables.close();
    });
  };
  it.each(busContract)('$name', ({ run }) => run(open));
});
