import assert from 'node:assert/strict';
import type { Journal } from '../journal.ts';
import { appendEach, lineOf, mended, numbersIn, onJournal, upTo, type JournalCase } from './journal-case.ts';

const refused = { code: 'audit_unavailable' };

async function intact(journal: Journal, entries: number): Promise<void> {
  const verdict = await journal.verify();
  assert.ok(verdict.state === 'intact' && verdict.entries === entries, JSON.stringify(verdict));
}

/** What happens when nothing can be written, when an answer is lost, and when somebody else writes. */
export const journalFaults: readonly JournalCase[] = [
  onJournal('without its storage it refuses attempts and keeps outcomes; then both go on', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 2);
    bench.outage(true);
    await assert.rejects(journal.append(lineOf(3)), refused);
    assert.equal(journal.health().failing, true);
    await assert.rejects(journal.append(lineOf(4)), refused);
    for (const n of [5, 6]) assert.equal(journal.offer(lineOf(n)), true);
    bench.outage(false);
    await mended(journal);
    await journal.append(lineOf(7));
    const standing = await numbersIn(journal);
    // The refused one that was under way may be there; it was told that nothing was done.
    assert.deepEqual(
      standing.filter((n) => n !== 3),
      [1, 2, 5, 6, 7],
    );
    await intact(journal, standing.length);
  }),
  onJournal('the queue is bounded while nothing can be written', async (bench) => {
    const journal = await bench.open({ queueEntriesMax: 4 });
    bench.outage(true);
    await assert.rejects(journal.append(lineOf(1)), refused);
    const offered = upTo(2, 30).filter((n) => journal.offer(lineOf(n)));
    assert.ok(offered.length >= 8 && offered.length < 29, `${offered.length} kept`);
    assert.equal(journal.health().lost, 29 - offered.length);
    bench.outage(false);
    await mended(journal);
    assert.deepEqual(
      (await numbersIn(journal)).filter((n) => n !== 1),
      offered,
    );
  }),
  onJournal('a line whose acknowledgement was lost stands once, and the chain goes on', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 2);
    bench.loseAnswer();
    const told = await journal.append(lineOf(3)).then(
      () => refused.code,
      (error: unknown) => (error as typeof refused).code,
    );
    assert.equal(told, refused.code);
    await mended(journal);
    await appendEach(journal, 4, 5);
    assert.deepEqual(await numbersIn(journal), upTo(1, 5));
    await intact(journal, 5);
  }),
  onJournal(
    'of two processes that write it one is refused from then on, and nothing is forked',
    async (bench) => {
      const first = await bench.open();
      await appendEach(first, 1, 3);
      const second = await bench.openAgain();
      await second.append(lineOf(4));
      await assert.rejects(first.append(lineOf(5)), refused);
      await appendEach(second, 6, 8);
      await assert.rejects(first.append(lineOf(9)), refused);
      assert.equal(first.health().failing, true);
      assert.deepEqual(await numbersIn(second), [1, 2, 3, 4, 6, 7, 8]);
      await intact(second, 7);
    },
  ),
  onJournal('a changed batch and a missing one are found, and not read over', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 6);
    await bench.change(3);
    assert.partialDeepStrictEqual(await journal.verify(), { state: 'broken', at: 3, reason: 'digest' });
    await assert.rejects(journal.page({ order: 'oldest', limit: 10 }), { code: 'journal_broken' });
    await bench.remove(3);
    assert.partialDeepStrictEqual(await journal.verify(), { state: 'broken', at: 3, reason: 'gap' });
  }),
  onJournal('batches that were cut off the end are missed by who wrote them', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 4);
    for (const n of [4, 3]) await bench.remove(n);
    assert.partialDeepStrictEqual(await journal.verify(), { state: 'broken', at: 3, reason: 'gap' });
  }),
];
