import assert from 'node:assert/strict';
import type { Journal } from '../journal.ts';
import type { TrimTo } from '../trim.ts';
import { appendEach, lineOf, numbersIn, onJournal, upTo, type JournalCase } from './journal-case.ts';

/** Sealed up to where the journal ends now. */
function throughNow(journal: Pick<Journal, 'health'>): TrimTo {
  const { end, writer } = journal.health();
  return { writer, batch: end.batch, digest: Buffer.from(end.digest, 'hex') };
}

async function found(journal: Journal): Promise<{ readonly entries: number; readonly trimmed: number }> {
  const verdict = await journal.verify();
  assert.ok(verdict.state === 'intact', JSON.stringify(verdict));
  const { entries, trimmed } = verdict;
  return { entries, trimmed };
}

/** Lines one by one, of which the first `sealed` were sealed. */
async function filled(journal: Journal, sealed: number, all: number): Promise<TrimTo> {
  await appendEach(journal, 1, sealed);
  const through = throughNow(journal);
  await appendEach(journal, sealed + 1, all);
  return through;
}

/** How what was sealed leaves a journal. */
export const journalTrim: readonly JournalCase[] = [
  onJournal('what was sealed leaves it, what was not stays, and the chain holds', async (bench) => {
    const journal = await bench.open();
    const before = journal.health().end.batch;
    const through = await filled(journal, 200, 210);
    await journal.trim(through, Infinity);
    assert.deepEqual(await numbersIn(journal), upTo(201, 210));
    assert.deepEqual(await numbersIn(journal, 'newest', 3), upTo(201, 210).toReversed());
    assert.deepEqual(await found(journal), { entries: before + 210, trimmed: before + 200 });
    await journal.append(lineOf(211));
    assert.deepEqual(await numbersIn(journal), upTo(201, 211));
  }),
  onJournal('what ended at that time or later stays, sealed or not', async (bench) => {
    const journal = await bench.open();
    await journal.trim(await filled(journal, 20, 25), 11);
    assert.deepEqual(await numbersIn(journal), upTo(11, 25));
    await journal.trim(throughNow(journal), 1);
    assert.deepEqual(await numbersIn(journal), upTo(11, 25));
    await journal.trim(throughNow(journal), 25);
    assert.deepEqual(await numbersIn(journal), [25]);
    await journal.trim(throughNow(journal), 26);
    assert.deepEqual(await numbersIn(journal), []);
  }),
  onJournal('it goes on where it was trimmed to the end, and knows the time', async (bench) => {
    const journal = await bench.open();
    await filled(journal, 9, 9);
    await journal.append(lineOf(10, 5000));
    await journal.trim(throughNow(journal), Infinity);
    assert.deepEqual(await numbersIn(journal), []);
    await journal.close();
    const again = await bench.open();
    assert.equal(again.stampMs() >= 5000, true);
    await again.append(lineOf(11, 5000));
    assert.deepEqual(await numbersIn(again), [11]);
    assert.equal((await found(again)).entries, 11);
    await again.trim(throughNow(again), Infinity);
    assert.deepEqual(await found(again), { entries: 11, trimmed: 11 });
  }),
  onJournal('whoever reads on is told of what has left meanwhile, and misses nothing', async (bench) => {
    const journal = await bench.open();
    const through = await filled(journal, 20, 24);
    const reads = { order: 'oldest', limit: 3, follow: true } as const;
    const early = await journal.page(reads);
    const late = await journal.page({ ...reads, limit: 20 });
    await journal.trim(through, Infinity);
    await assert.rejects(journal.page({ ...reads, cursor: early.cursor! }), { code: 'audit_unavailable' });
    const { entries } = await journal.page({ ...reads, limit: 100, cursor: late.cursor! });
    assert.deepEqual(
      entries.map(({ id }) => id),
      upTo(21, 24).map((n) => `id-${n}`),
    );
    const since = await journal.page({ order: 'oldest', limit: 100, sinceMs: 5 });
    assert.equal(since.entries.length, 4);
  }),
  onJournal(
    'nothing leaves for what was sealed of another journal, or of another end of it',
    async (bench) => {
      const journal = await bench.open();
      const through = await filled(journal, 5, 6);
      await journal.trim({ ...through, writer: '0'.repeat(32) }, Infinity);
      await journal.trim({ ...through, digest: new Uint8Array(32) }, Infinity);
      await journal.trim({ ...through, batch: through.batch + 7 }, Infinity);
      assert.deepEqual(await numbersIn(journal), upTo(1, 6));
    },
  ),
  onJournal('a batch that is missing behind the mark is missed', async (bench) => {
    const journal = await bench.open();
    const through = await filled(journal, 5, 9);
    await journal.trim(through, Infinity);
    await bench.remove(through.batch + 1);
    const verdict = await journal.verify();
    assert.ok(verdict.state === 'broken' && verdict.reason === 'gap', JSON.stringify(verdict));
  }),
  onJournal('a mark that was changed is none: the chain does not hold', async (bench) => {
    const journal = await bench.open();
    const through = await filled(journal, 5, 9);
    await journal.trim(through, Infinity);
    await bench.change(through.batch);
    assert.equal((await journal.verify()).state, 'broken');
  }),
  onJournal('attempts are written while it is trimmed', async (bench) => {
    const journal = await bench.open();
    const through = await filled(journal, 300, 300);
    await Promise.all([journal.trim(through, Infinity), appendEach(journal, 301, 340)]);
    assert.deepEqual(await numbersIn(journal), upTo(301, 340));
    assert.equal((await journal.verify()).state, 'intact');
  }),
];
