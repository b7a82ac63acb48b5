import { afterAll, describe, it } from 'vitest';
import { openFaultProxy, type FaultyCall, type Planned } from '../../../testing/dynamodb-faults.ts';
import { testService } from '../../../testing/test-service.ts';
import type { OpenSegments } from '../contract/segments-case.ts';
import { segmentsContract } from '../segments-contract.ts';
import { freshSegments, logTables } from './fixtures/log-tables.ts';

// Every promise of the sealed log's storage on the real thing: as it is, and behind a network that loses answers.

const dynamodb = await testService('dynamodb');

/** Every third put is carried out and its answer lost, every seventh request is reset. */
function trouble({ operation, count }: FaultyCall): Planned | undefined {
  if (operation === 'PutItem' && count % 3 === 0) return { fault: 'lost answer' };
  return count % 7 === 0 ? { fault: 'reset' } : undefined;
}

describe.skipIf(dynamodb === undefined)('segments on DynamoDB', async () => {
  if (dynamodb === undefined) return;
  const local = await logTables(dynamodb);
  const proxy = await openFaultProxy(dynamodb);
  proxy.plan(trouble);
  afterAll(async () => {
    await proxy.close();
    local.close();
  });
  const openAt =
    (endpoint: string): OpenSegments =>
    async () => {
      const { open, remove } = await freshSegments(local, endpoint);
      let segments = open();
      return {
        segments,
        async reopen() {
          await segments.close();
          return (segments = open());
        },
        async close() {
          await segments.close();
          await remove();
        },
      };
    };
  describe.each([
    ['as it is', dynamodb],
    ['behind a failing network', proxy.url],
  ])('%s', (_, endpoint) => {
    it.each(segmentsContract)('$name', ({ run }) => run(openAt(endpoint)));
  });
});
