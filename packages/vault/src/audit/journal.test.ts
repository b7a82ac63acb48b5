import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { openJournal, openJournalReader, type Journal, type JournalOptions } from './journal.ts';
import type { EntryQuery } from './pages.ts';

const sealer = oneKeySealer();
let directory: string;
let path: string;
let journals: Journal[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-journal-'));
  path = join(directory, 'journal.db');
  journals = [];
});
afterEach(async () => {
  for (const journal of journals) await journal.close();
  rmSync(directory, { recursive: true });
});

async function open(options: Partial<JournalOptions> = {}) {
  const journal = await openJournal({ path, sealer, now: Date.now, ...options });
  journals.push(journal);
  return journal;
}

async function close(journal: Journal) {
  journals = journals.filter((other) => other !== journal);
  await journal.close();
}

const line = (i: number, more = {}) => JSON.stringify({ id: `e${i}`, ts: i, tenant: 'a', act: 'x', ...more });

async function ids(journal: Pick<Journal, 'page'>, query: Partial<EntryQuery> = {}) {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await journal.page({
      order: 'oldest',
      limit: 2,
      ...query,
      ...(cursor !== undefined && { cursor }),
    });
    found.push(...page.entries.map((entry) => entry.id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

test('what was appended can be read, in the order it came', async () => {
  const journal = await open();
  await Promise.all([1, 2, 3, 4, 5].map((i) => journal.append(line(i))));
  assert.deepEqual(await ids(journal), ['e1', 'e2', 'e3', 'e4', 'e5']);
  assert.deepEqual(await ids(journal, { order: 'newest' }), ['e5', 'e4', 'e3', 'e2', 'e1']);
});

test('lines of one turn of the loop share a commit', async () => {
  const journal = await open();
  await Promise.all(Array.from({ length: 500 }, (_, i) => journal.append(line(i))));
  assert.equal(journal.health().end.batch, 1);
});

test('a commit takes 512 lines at most', async () => {
  const journal = await open();
  await Promise.all(Array.from({ length: 1025 }, (_, i) => journal.append(line(i))));
  assert.equal(journal.health().end.batch, 3);
});

test('an outcome leaves with the next attempt, ahead of its own time', async () => {
  const journal = await open();
  assert.equal(journal.offer(line(1)), true);
  await journal.append(line(2));
  assert.equal(journal.health().end.batch, 1);
  assert.deepEqual(await ids(journal), ['e1', 'e2']);
});

test('an outcome reaches the disk without any attempt behind it', async () => {
  const journal = await open();
  journal.offer(line(1));
  while (journal.health().end.batch === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  assert.deepEqual(await ids(journal), ['e1']);
});

test('closing writes what waits', async () => {
  const journal = await open();
  const waiting = journal.append(line(1), 'patient');
  journal.offer(line(2));
  await journal.queue(line(3));
  await close(journal);
  await waiting;
  await assert.rejects(journal.append(line(4)), { code: 'audit_unavailable' });
  await assert.rejects(journal.queue(line(4)), { code: 'audit_unavailable' });
  assert.equal(journal.offer(line(4)), false);
  assert.deepEqual(await ids(await open()), ['e1', 'e2', 'e3']);
});

test('a journal goes on where it ended, under a new boot', async () => {
  for (const i of [1, 2, 3]) {
    const journal = await open();
    await journal.append(line(i));
    await close(journal);
  }
  const journal = await open();
  assert.deepEqual(await ids(journal), ['e1', 'e2', 'e3']);
  const verdict = await journal.verify();
  assert.equal(verdict.state, 'intact');
  assert.deepEqual(verdict, {
    state: 'intact',
    batches: 3,
    entries: 3,
    trimmed: 0,
    end: journal.health().end,
  });
  const db = new DatabaseSync(path);
  const boots = db.prepare('SELECT boot FROM batches ORDER BY n').all();
  db.close();
  assert.deepEqual(
    boots.map((row) => row.boot),
    [1, 2, 3],
  );
});

test('its time never goes back, not with the clock and not across boots', async () => {
  let clock = 1000;
  const now = () => clock;
  const journal = await open({ now });
  assert.equal(journal.stampMs(), 1000);
  clock = 400;
  assert.equal(journal.stampMs(), 1000);
  clock = 2000.7;
  await journal.append(line(journal.stampMs()));
  await close(journal);
  clock = 5;
  assert.equal((await open({ now })).stampMs(), 2000);
});

test('the file is ours alone, and no word of an entry stands in it', async () => {
  writeFileSync(path, '', { mode: 0o666 });
  const journal = await open();
  await journal.append(line(1, { obj: 'connection:findme' }));
  const files = readdirSync(directory);
  assert.deepEqual(files, ['journal.db', 'journal.db-shm', 'journal.db-wal']);
  for (const file of files) {
    assert.equal(statSync(join(directory, file)).mode & 0o777, 0o600, file);
    assert.equal(readFileSync(join(directory, file)).includes('findme'), false, file);
  }
});

test('a file that is no journal is refused', async () => {
  writeFileSync(path, 'no database, but long enough to be taken for one at first sight'.repeat(20));
  await assert.rejects(open(), { code: 'journal_broken' });
  rmSync(path);
  const db = new DatabaseSync(path);
  db.exec('PRAGMA user_version = 2');
  db.close();
  await assert.rejects(open(), { code: 'journal_broken' });
});

test('a file that cannot be reached is refused as unavailable', async () => {
  await assert.rejects(open({ path: join(directory, 'absent', 'journal.db') }), {
    code: 'audit_unavailable',
  });
});

test.each([
  ['nothing', ''],
  ['two lines', '{}\n{}'],
  ['more than 8 KiB', `"${'x'.repeat(8192)}"`],
])('an entry of %s is refused', async (_, text) => {
  await assert.rejects((await open()).append(text), { code: 'item_invalid' });
});

describe('a question', () => {
  const fill = async () => {
    const journal = await open();
    for (let i = 1; i <= 9; i += 3)
      await Promise.all([
        journal.append(line(i)),
        journal.append(line(i + 1, { tenant: 'b' })),
        journal.append(line(i + 2, { act: 'y' })),
      ]);
    return journal;
  };

  test('sees one tenant’s entries only', async () => {
    const journal = await fill();
    assert.deepEqual(await ids(journal, { tenant: 'b' }), ['e2', 'e5', 'e8']);
    assert.deepEqual(await ids(journal, { tenant: 'b', order: 'newest', limit: 1 }), ['e8', 'e5', 'e2']);
    assert.deepEqual(await ids(journal, { tenant: '' }), []);
  });

  test('may name an act and a time', async () => {
    const journal = await fill();
    assert.deepEqual(await ids(journal, { act: 'y' }), ['e3', 'e6', 'e9']);
    for (let since = 0; since <= 10; since += 1) {
      const expected = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((i) => i >= since).map((i) => `e${i}`);
      assert.deepEqual(await ids(journal, { sinceMs: since }), expected);
      assert.deepEqual(await ids(journal, { sinceMs: since, order: 'newest' }), expected.toReversed());
    }
  });

  test('is answered the same at every page size', async () => {
    const journal = await fill();
    const all = await ids(journal, { limit: 1000 });
    for (let limit = 1; limit <= 10; limit += 1) assert.deepEqual(await ids(journal, { limit }), all);
  });

  test('goes on where its page ended while new entries come', async () => {
    const journal = await fill();
    const first = await journal.page({ order: 'newest', limit: 4 });
    await journal.append(line(10));
    const second = await journal.page({ order: 'newest', limit: 4, cursor: first.cursor! });
    assert.deepEqual(
      second.entries.map((entry) => entry.id),
      ['e5', 'e4', 'e3', 'e2'],
    );
  });

  test('cannot go on with the cursor of another question, nor with a made-up one', async () => {
    const journal = await fill();
    const { cursor } = await journal.page({ order: 'oldest', limit: 2, tenant: 'a' });
    const wrong = [
      { tenant: 'b' },
      {},
      { tenant: 'a', act: 'x' },
      { tenant: 'a', sinceMs: 1 },
      { tenant: 'a', order: 'newest' as const },
    ];
    for (const query of wrong)
      await assert.rejects(journal.page({ order: 'oldest', limit: 2, ...query, cursor: cursor! }), {
        code: 'cursor_invalid',
      });
    for (const made of ['', '1', '1.1', '1.1.x', cursor!.replace(/^\d+/, '2'), `${cursor!}x`, 'NaN.NaN.x'])
      await assert.rejects(journal.page({ order: 'oldest', limit: 2, tenant: 'a', cursor: made }), {
        code: 'cursor_invalid',
      });
  });

  test.each([0, -1, 1001, 1.5, NaN])('for %s entries is refused', async (limit) => {
    await assert.rejects((await open()).page({ order: 'oldest', limit }), { code: 'item_invalid' });
  });

  test('is bounded in what one page opens', async () => {
    const journal = await open();
    const wide = { obj: 'x'.repeat(7000) };
    for (let i = 0; i < 4; i += 1)
      await Promise.all(Array.from({ length: 128 }, (_, at) => journal.append(line(i * 128 + at, wide))));
    const page = await journal.page({ order: 'oldest', limit: 10, tenant: 'b' });
    assert.deepEqual(page.entries, []);
    assert.notEqual(page.cursor, undefined);
    assert.deepEqual(await ids(journal, { tenant: 'b' }), []);
  });

  test('can be put to the file from outside while it is written', async () => {
    const journal = await fill();
    const reader = openJournalReader({ path, sealer });
    await journal.append(line(10));
    assert.equal((await ids(reader)).length, 10);
    assert.deepEqual(await reader.verify(), await journal.verify());
    await reader.close();
  });
});
