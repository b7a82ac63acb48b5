import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'vitest';
import { openFaultProxy } from '../../testing/dynamodb-faults.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { testService } from '../../testing/test-service.ts';
import { appendEach, numbersIn, upTo } from '../contract/journal-case.ts';
import type { SharedJournal } from '../journals.ts';
import type { TrimTo } from '../trim.ts';
import { journalTable, type JournalTable } from './fixtures/journal-table.ts';

const endpoint = await testService('dynamodb');
const sealer = oneKeySealer();
const hourMs = 3_600_000;

function throughNow({ health }: SharedJournal): TrimTo {
  const { end, writer } = health();
  return { writer, batch: end.batch, digest: Buffer.from(end.digest, 'hex') };
}

describe.skipIf(endpoint === undefined)('a journal on DynamoDB of which the beginning has left', () => {
  let table: JournalTable;
  const opened = new Set<SharedJournal>();
  let nowMs = Date.UTC(2026, 10, 20);
  const open = async (): Promise<SharedJournal> => {
    const journal = await table.open(sealer, { now: () => nowMs });
    opened.add(journal);
    return journal;
  };
  const close = async (journal: SharedJournal): Promise<void> => {
    opened.delete(journal);
    await journal.close();
  };
  beforeEach(async () => {
    table = await journalTable(endpoint!);
  });
  afterEach(async () => {
    for (const journal of opened) await close(journal);
    await table.drop();
  });

  it('holds where whoever removed it was interrupted, and is trimmed on', async () => {
    const proxy = await openFaultProxy(endpoint!);
    const journal = await table.open(sealer, { now: () => nowMs, endpoint: proxy.url });
    opened.add(journal);
    await appendEach(journal, 1, 10);
    const through = throughNow(journal);
    await appendEach(journal, 11, 14);
    proxy.plan(({ operation }) => (operation === 'BatchWriteItem' ? { fault: 'internal' } : undefined));
    await assert.rejects(journal.trim(through, Infinity), { code: 'audit_unavailable' });
    proxy.plan(() => undefined);
    await table.remove(through.writer, 3);
    assert.equal((await journal.verify()).state, 'intact');
    assert.deepEqual(
      await numbersIn(journal, 'newest', 4),
      upTo(11, 14).toReversed().concat([9, 8, 7, 6, 5, 4, 2, 1]),
    );
    await journal.trim(through, Infinity);
    assert.equal((await journal.verify()).state, 'intact');
    assert.deepEqual(await numbersIn(journal), upTo(11, 14));
    await close(journal);
    await proxy.close();
  });

  it('is gone on with by the next process, and read by all', async () => {
    const first = await open();
    await appendEach(first, 1, 5);
    const through = throughNow(first);
    await first.trim(through, Infinity);
    await close(first);
    const next = await open();
    assert.equal(next.writer, first.writer);
    const other = await open();
    assert.notEqual(other.writer, first.writer);
    await appendEach(next, 6, 7);
    assert.deepEqual(await numbersIn(other), [6, 7]);
    const verdict = await other.verify();
    assert.ok(verdict.state === 'intact' && verdict.entries === 7, JSON.stringify(verdict));
  });

  it('leaves for whoever seals it, when nobody writes it any more, and not while somebody does', async () => {
    const [gone, stays] = [await open(), await open()];
    await appendEach(gone, 1, 5);
    const through = throughNow(gone);
    await stays.trim(through, Infinity);
    assert.deepEqual(await numbersIn(stays), upTo(1, 5));
    nowMs += hourMs;
    await stays.trim(through, Infinity);
    assert.deepEqual(await numbersIn(stays), []);
    // It only was slow: it goes on behind the mark.
    await appendEach(gone, 6, 7);
    assert.deepEqual(await numbersIn(stays), [6, 7]);
    assert.equal((await stays.verify()).state, 'intact');
  });
});
