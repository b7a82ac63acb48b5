import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'vitest';
import type { Refusal } from '../../refusal.ts';
import { openFaultProxy, type Fault, type FaultProxy } from '../../testing/dynamodb-faults.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { testService } from '../../testing/test-service.ts';
import { appendEach, lineOf, mended, numbersIn, upTo } from '../contract/journal-case.ts';
import type { SharedJournal } from '../journals.ts';
import { journalTable, type JournalTable } from './fixtures/journal-table.ts';
import type { DynamoJournalOptions } from './journal.ts';

// Processes of one deployment, each with a journal of its own in one table.

const endpoint = await testService('dynamodb');
const sealer = oneKeySealer();
const minute = 60_000;

describe.skipIf(endpoint === undefined)('journals of several processes', () => {
  let table: JournalTable;
  let proxy: FaultProxy;
  let opened: SharedJournal[];
  let told: Refusal[];
  const clock = { nowMs: 0 };

  beforeEach(async () => {
    table = await journalTable(endpoint!);
    proxy = await openFaultProxy(endpoint!);
    [opened, told] = [[], []];
    clock.nowMs = Date.UTC(2026, 10, 20);
  });
  afterEach(async () => {
    proxy.plan(() => undefined);
    for (const journal of opened) await journal.close();
    await proxy.close();
    await table.drop();
  });

  async function open(choices: Partial<DynamoJournalOptions> = {}): Promise<SharedJournal> {
    const failed = (refusal: Refusal) => void told.push(refusal);
    const journal = await table.open(sealer, { now: () => clock.nowMs, failed, ...choices });
    opened.push(journal);
    return journal;
  }

  it('eight that start at once have eight, and each reads all', async () => {
    const eight = await Promise.all(Array.from({ length: 8 }, () => open()));
    assert.equal(new Set(eight.map(({ writer }) => writer)).size, 8);
    await Promise.all(eight.map((journal, at) => appendEach(journal, at * 5 + 1, at * 5 + 5)));
    for (const journal of eight.slice(0, 2)) {
      assert.deepEqual(await numbersIn(journal, 'oldest', 7), upTo(1, 40));
      assert.deepEqual(await numbersIn(journal, 'newest', 7), upTo(1, 40).toReversed());
      assert.partialDeepStrictEqual(await journal.verify(), { state: 'intact', batches: 40, entries: 40 });
    }
  });

  it('what one gives back the next one goes on with, so there are no more than there are processes', async () => {
    const first = await open();
    await appendEach(first, 1, 2);
    await first.close();
    opened = [];
    const eight = await Promise.all(Array.from({ length: 8 }, () => open()));
    const again = eight.filter(({ writer }) => writer === first.writer);
    assert.equal(again.length, 1);
    await again[0]!.append(lineOf(3));
    assert.equal(again[0]!.health().end.batch, 3);
    assert.deepEqual(await numbersIn(eight[0]!), [1, 2, 3]);
  });

  it('what a process left behind that is gone others seal after a minute, and go on with after ten', async () => {
    const gone = await open();
    await appendEach(gone, 1, 2);
    const here = await open();
    const lasts = async () => {
      const journals = await (await open({ endpoint: proxy.url })).toSeal();
      return Promise.all(journals.map(async (rows) => (await rows.last())?.writer));
    };
    assert.ok(!(await lasts()).includes(gone.writer));
    clock.nowMs += 2 * minute;
    assert.ok((await lasts()).includes(gone.writer));
    assert.ok(!opened.slice(1).some(({ writer }) => writer === gone.writer));
    clock.nowMs += 9 * minute;
    const next = await Promise.all([open(), open(), open(), open()]);
    assert.equal(next.filter(({ writer }) => writer === gone.writer).length, 1);
    assert.deepEqual(await numbersIn(here), [1, 2]);
  });

  it('whoever was taken for gone writes nothing more, and is told to stop', async () => {
    let stopped = 0;
    const first = await open({ lost: () => void (stopped += 1) });
    await appendEach(first, 1, 2);
    clock.nowMs += 11 * minute;
    const second = await open();
    assert.equal(second.writer, first.writer);
    await second.append(lineOf(3));
    await assert.rejects(first.append(lineOf(4)), { code: 'audit_unavailable' });
    await assert.rejects(first.append(lineOf(5)), { code: 'audit_unavailable' });
    assert.equal(stopped, 1);
    assert.deepEqual(await numbersIn(second), [1, 2, 3]);
  });

  it('whoever was taken for gone is told so before it writes', async () => {
    const stopped = Promise.withResolvers<void>();
    const times = { beatMs: 200 };
    const slow = { lost: stopped.resolve, now: () => clock.nowMs - 30 * minute, times };
    const { writer } = await open(slow);
    // Who says something at that moment keeps it.
    while ((await open()).writer !== writer);
    await stopped.promise;
  });

  it.each([
    ['its last batch was changed', (writer: string) => table.change(writer, 3)],
    ['its last batch is missing', (writer: string) => table.remove(writer, 3)],
  ])('a journal is not gone on with when %s', async (_, damage) => {
    const first = await open();
    await appendEach(first, 1, 3);
    await first.close();
    opened = [];
    await damage(first.writer);
    const second = await open();
    assert.notEqual(second.writer, first.writer);
    assert.deepEqual(
      told.map(({ code }) => code),
      ['journal_broken'],
    );
    await second.append(lineOf(4));
    assert.partialDeepStrictEqual(await second.verify(), { state: 'broken', at: 3, writer: first.writer });
  });

  it.each<[string, Fault]>([
    ['is overloaded', 'throttled'],
    ['fails inside', 'internal'],
    ['hangs up', 'reset'],
    ['does not answer', { delayMs: 12_000 }],
  ])('a database that %s refuses attempts in time, and keeps outcomes', async (_, fault) => {
    const journal = await open({ endpoint: proxy.url, times: { deadlineMs: 4000 } });
    await journal.append(lineOf(1));
    proxy.plan(({ operation }) => (operation === 'PutItem' ? { fault } : undefined));
    await assert.rejects(journal.append(lineOf(2)), { code: 'audit_unavailable' });
    assert.equal(journal.offer(lineOf(3)), true);
    assert.ok((await numbersIn(journal)).includes(1));
    proxy.plan(() => undefined);
    await mended(journal);
    await journal.append(lineOf(4));
    const standing = await numbersIn(journal);
    assert.deepEqual(
      standing.filter((n) => n !== 2),
      [1, 3, 4],
    );
    assert.partialDeepStrictEqual(await journal.verify(), { state: 'intact', entries: standing.length });
  });

  it('a batch that arrives after it was given up stands once', async () => {
    const journal = await open({ endpoint: proxy.url, times: { deadlineMs: 4000 } });
    const arrived = Promise.withResolvers<void>();
    let puts = 0;
    const late = { fault: { delayMs: 8000 }, meanwhile: async () => arrived.resolve() };
    proxy.plan(({ operation }) => (operation === 'PutItem' && (puts += 1) === 1 ? late : undefined));
    await assert.rejects(journal.append(lineOf(1)), { code: 'audit_unavailable' });
    journal.offer(lineOf(2));
    await mended(journal);
    await appendEach(journal, 3, 5);
    await arrived.promise;
    await journal.append(lineOf(6));
    assert.deepEqual(await numbersIn(journal), upTo(1, 6));
    assert.partialDeepStrictEqual(await journal.verify(), { state: 'intact', entries: 6 });
  });

  it('an item of theirs is far smaller than DynamoDB takes', async () => {
    const journal = await open({ endpoint: proxy.url });
    const sizes: number[] = [];
    proxy.plan(({ operation, body }) => {
      if (operation === 'PutItem') sizes.push(body.length);
      return undefined;
    });
    const line = (n: number) => JSON.stringify({ id: `id-${n}`, ts: 1, obj: 'ü'.repeat(3900) });
    await Promise.all(upTo(1, 200).map((n) => journal.append(line(n))));
    // Base64 is a third longer than what it says.
    assert.ok(Math.max(...sizes) < 140_000, `${Math.max(...sizes)}`);
    assert.ok(sizes.length < 30, `${sizes.length} puts`);
  });
});
