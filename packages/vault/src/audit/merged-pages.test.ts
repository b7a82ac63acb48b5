import assert from 'node:assert/strict';
import { beforeAll, test } from 'vitest';
import { drawn } from '../testing/drawn.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import type { Batch } from './batch.ts';
import type { Entry } from './entry.ts';
import { everyEntry, type EntryReader } from './every-entry.ts';
import { memoryJournal } from './fixtures/memory-journal.ts';
import { readMerged } from './merged-pages.ts';
import { readPage, type EntryQuery } from './pages.ts';

const sealer = oneKeySealer();

function entryOf(writer: string, at: number, ts: number): Entry {
  return {
    v: 1,
    id: `${writer}-${at}`,
    ts,
    cls: 'strict',
    tenant: at % 3 === 0 ? 'group-2' : 'group-1',
    corr: 'r',
  };
}

const journals = ['aa', 'bb', 'cc', 'dd'].map((writer) => memoryJournal(sealer, writer));
const all: { readonly writer: string; readonly entry: Entry }[] = [];

beforeAll(async () => {
  const random = drawn(11);
  const draw = (below: number): number => Math.floor(random() * below);
  // The last one stays empty.
  for (const journal of journals.slice(0, 3)) {
    let ts = 1000;
    for (let batch = 0, at = 0; batch < 40; batch += 1) {
      const entries = Array.from({ length: 1 + draw(6) }, () => {
        ts += draw(4);
        return entryOf(journal.writer, (at += 1), ts);
      });
      all.push(...entries.map((entry) => ({ writer: journal.writer, entry })));
      await journal.add(entries);
    }
  }
});

const reader: EntryReader = { page: (query) => readMerged(journals, sealer, query) };

async function read(query: Pick<EntryQuery, 'order'> & Partial<EntryQuery>, limit: number): Promise<Entry[]> {
  const found: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = await reader.page({ ...query, limit, ...(cursor === undefined ? {} : { cursor }) });
    assert.ok(page.entries.length <= limit);
    assert.ok(page.reached.entry <= page.reached.of);
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

test.each([1, 7, 1000])(
  'pages of %i hold every entry once, in time, each journal in its order',
  async (limit) => {
    for (const order of ['oldest', 'newest'] as const) {
      const found = await read({ order }, limit);
      const forward = order === 'oldest' ? found : found.toReversed();
      assert.equal(found.length, all.length);
      assert.ok(forward.every(({ ts }, at) => at === 0 || ts >= forward[at - 1]!.ts));
      for (const { writer } of journals)
        assert.deepEqual(
          forward.filter(({ id }) => id.startsWith(writer)),
          all.filter((each) => each.writer === writer).map(({ entry }) => entry),
        );
    }
  },
);

test('a filter finds the same as looking at everything', async () => {
  const middle = all[all.length >> 1]!.entry.ts;
  const query = { tenant: 'group-2', sinceMs: 1030, untilMs: middle };
  const meant = all.filter(
    ({ entry }) => entry.tenant === 'group-2' && entry.ts >= 1030 && entry.ts <= middle,
  );
  assert.ok(meant.length > 10);
  for (const order of ['oldest', 'newest'] as const)
    assert.deepEqual(
      (await read({ ...query, order }, 5)).map(({ id }) => id).toSorted(),
      meant.map(({ entry }) => entry.id).toSorted(),
    );
});

test.each([1, 7, 1000])(
  'pages of %i begin behind what is not meant, in each journal on its own',
  async (limit) => {
    const numbers = new Map<string, number>();
    const numbered = all.map(({ writer, entry }) => {
      const n = (numbers.get(writer) ?? 0) + 1;
      numbers.set(writer, n);
      return { writer, n, entry };
    });
    // In the middle of a batch, and nothing of the others.
    const batch = journals[0]!.rows.at(8) as Batch;
    const bb = journals[1]!.rows.at(5) as Batch;
    assert.ok(batch.count > 1);
    const behind = new Map([
      ['aa', { batch: 7, entry: batch.first }],
      ['bb', { batch: 5, entry: bb.first + bb.count - 1 }],
      ['dd', { batch: 3, entry: 9 }],
      ['ff', { batch: 1, entry: 1 }],
    ]);
    const meant = numbered.filter(({ writer, n }) => n > (behind.get(writer)?.entry ?? 0));
    const ids = meant.map(({ entry }) => entry.id).toSorted();
    for (const order of ['oldest', 'newest'] as const) {
      const found = await read({ order, behind }, limit);
      assert.deepEqual(found.map(({ id }) => id).toSorted(), ids);
      for (const journal of journals.slice(0, 2)) {
        const own = new Map([[journal.writer, behind.get(journal.writer)!]]);
        const alone: Entry[] = [];
        const one = { page: (query: EntryQuery) => readPage(journal.rows, sealer, query) };
        for await (const page of everyEntry(one, { order, behind: own })) alone.push(...page);
        assert.deepEqual(
          alone.map(({ id }) => id),
          found.map(({ id }) => id).filter((id) => id.startsWith(journal.writer)),
        );
      }
    }
  },
);

test('a journal that begins while pages are read is left out; who follows gets it, too', async () => {
  const late = memoryJournal(sealer, 'ee');
  const query = { order: 'newest', limit: 10 } as const;
  const first = await readMerged(journals, sealer, query);
  await late.add([entryOf('ee', 1, 99_999)]);
  const next = await readMerged([...journals, late], sealer, { ...query, cursor: first.cursor! });
  assert.ok(next.entries.length === 10 && next.entries.every(({ id }) => !id.startsWith('ee')));

  const follow = { order: 'oldest', limit: 1000, follow: true } as const;
  const caught = await readMerged(journals, sealer, follow);
  assert.equal(caught.entries.length, all.length);
  assert.deepEqual(caught.reached, { entry: all.length, of: all.length });
  const more = await readMerged([...journals, late], sealer, { ...follow, cursor: caught.cursor! });
  assert.deepEqual(
    more.entries.map(({ id }) => id),
    ['ee-1'],
  );
  const none = await readMerged([...journals, late], sealer, { ...follow, cursor: more.cursor! });
  assert.deepEqual([none.entries, none.reached.entry], [[], all.length + 1]);
});

test('a cursor that was changed, or is of another question, is refused', async () => {
  const query = { order: 'oldest', limit: 3 } as const;
  const { cursor } = await reader.page(query);
  assert.ok(cursor);
  for (const asked of [
    { ...query, cursor: cursor.replace('aa.', 'bb.') },
    { ...query, cursor: cursor.replace(/\.\d+~/, '.99~') },
    { ...query, cursor: cursor.split('~').at(-1)! },
    { ...query, order: 'newest', cursor } as const,
    { ...query, tenant: 'group-1', cursor },
  ])
    await assert.rejects(reader.page(asked), { code: 'cursor_invalid' });
});

test('many entries are read in pages that end by themselves', async () => {
  let entries = 0;
  for await (const page of everyEntry(reader, { order: 'oldest' })) entries += page.length;
  assert.equal(entries, all.length);
});
