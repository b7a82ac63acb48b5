import { testService } from '../../testing/test-service.ts';
import { describe, it } from 'vitest';
import { openFaultProxy } from '../../testing/dynamodb-faults.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import type { JournalBench } from '../contract/journal-case.ts';
import { journalContract } from '../contract/journal-contract.ts';
import { keptOpen } from '../fixtures/kept-open.ts';
import type { SharedJournal } from '../journals.ts';
import { journalTable } from './fixtures/journal-table.ts';

const endpoint = await testService('dynamodb');

async function bench(): Promise<JournalBench> {
  const table = await journalTable(endpoint!);
  const proxy = await openFaultProxy(endpoint!);
  const sealer = oneKeySealer();
  const opened = new Set<SharedJournal>();
  let writer = '';
  const open = async (nowMs: number, choices = {}): Promise<SharedJournal> => {
    const journal = await table.open(sealer, {
      endpoint: proxy.url,
      now: () => nowMs,
      times: { deadlineMs: 4000 },
      ...choices,
    });
    ({ writer } = journal);
    return keptOpen(opened, journal);
  };
  return {
    open: (choices) => open(1, choices),
    openAgain: () => open(1 + 3_600_000),
    outage: (on) => proxy.plan(() => (on ? { fault: 'internal' } : undefined)),
    loseAnswer() {
      let lost = false;
      proxy.plan(({ operation }) => {
        if (operation !== 'PutItem' || lost) return undefined;
        lost = true;
        return { fault: 'lost answer' };
      });
    },
    change: (n) => table.change(writer, n),
    remove: (n) => table.remove(writer, n),
    async end() {
      proxy.plan(() => undefined);
      for (const journal of opened) await journal.close();
      await proxy.close();
      await table.drop();
    },
  };
}

describe.skipIf(endpoint === undefined)('the journal on DynamoDB', () => {
  it.each(journalContract)('$name', ({ run }) => run(bench));
});
