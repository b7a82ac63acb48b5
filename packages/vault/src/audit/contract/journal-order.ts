import assert from 'node:assert/strict';
import { appendEach, lineOf, numbersIn, onJournal, upTo, type JournalCase } from './journal-case.ts';

/** What was acknowledged stands, in its order. */
export const journalOrder: readonly JournalCase[] = [
  onJournal('what was acknowledged is read at once, in both orders, page by page', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 7);
    await Promise.all(upTo(8, 40).map((n) => journal.append(lineOf(n), 'patient')));
    assert.deepEqual(await numbersIn(journal), upTo(1, 40));
    assert.deepEqual(await numbersIn(journal, 'oldest', 3), upTo(1, 40));
    assert.deepEqual(await numbersIn(journal, 'newest', 7), upTo(1, 40).toReversed());
    const { entries } = await journal.page({ order: 'newest', limit: 5, sinceMs: 10, untilMs: 12 });
    assert.deepEqual(
      entries.map(({ ts }) => ts),
      [12, 11, 10],
    );
    const early = await journal.page({ order: 'oldest', limit: 5, sinceMs: 30, untilMs: 31 });
    assert.deepEqual(
      early.entries.map(({ ts }) => ts),
      [30, 31],
    );
  }),
  onJournal('it goes on where it ended, and time does not go back', async (bench) => {
    for (let round = 0; round < 3; round += 1) {
      const journal = await bench.open();
      assert.ok(journal.stampMs() >= round * 4);
      await appendEach(journal, round * 4 + 1, round * 4 + 4);
      journal.offer(lineOf(1000 + round, round * 4 + 4));
      await journal.close();
    }
    const journal = await bench.open();
    assert.deepEqual(
      (await numbersIn(journal)).filter((n) => n < 1000),
      upTo(1, 12),
    );
    const verdict = await journal.verify();
    assert.ok(verdict.state === 'intact' && verdict.entries === 15, JSON.stringify(verdict));
    assert.equal(verdict.end.digest, journal.health().end.digest);
  }),
  onJournal('long lines from many at once are split into batches that fit', async (bench) => {
    const journal = await bench.open();
    const line = (n: number) => JSON.stringify({ id: `id-${n}`, ts: 1, obj: 'x'.repeat(7000) });
    await Promise.all(upTo(1, 120).map((n) => journal.append(line(n), 'patient')));
    assert.deepEqual(await numbersIn(journal), upTo(1, 120));
  }),
  onJournal('who follows gets what comes later, each line once', async (bench) => {
    const journal = await bench.open();
    const query = { order: 'oldest', limit: 2, follow: true } as const;
    const seen: number[] = [];
    let cursor: string | undefined;
    const read = async (): Promise<void> => {
      for (let more = true; more;) {
        const page = await journal.page({ ...query, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.entries.map(({ ts }) => ts));
        cursor = page.cursor;
        more = page.entries.length > 0;
      }
    };
    await read();
    for (const [from, to] of [
      [1, 3],
      [4, 4],
      [5, 9],
    ] as const) {
      await appendEach(journal, from, to);
      await read();
    }
    assert.deepEqual(seen, upTo(1, 9));
  }),
  onJournal('a cursor is for its own query', async (bench) => {
    const journal = await bench.open();
    await appendEach(journal, 1, 3);
    const { cursor } = await journal.page({ order: 'oldest', limit: 1 });
    assert.ok(cursor);
    const asked = [
      { order: 'newest', limit: 1, cursor },
      { order: 'oldest', limit: 1, cursor, tenant: 'group-2' },
      { order: 'oldest', limit: 1, cursor: cursor.replace(/\d/, (digit) => (digit === '1' ? '2' : '1')) },
    ] as const;
    for (const query of asked) await assert.rejects(journal.page(query), { code: 'cursor_invalid' });
  }),
];
