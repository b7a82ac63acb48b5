import { expect, it } from 'vitest';
import { everyPage } from './every-page.ts';
import { memoryTables } from './memory/tables.ts';

interface LetterPage {
  readonly letters: string;
  readonly cursor?: string | undefined;
}

/** Pages by the cursor that leads to them, the first one by ''; and what was asked for. */
function pagesOf(pages: Readonly<Record<string, LetterPage>>) {
  const asked: { readonly cursor?: string }[] = [];
  const read = async (from: { readonly cursor?: string }): Promise<LetterPage> => {
    asked.push(from);
    const page = pages[from.cursor ?? ''];
    if (page === undefined) throw new Error(`no page at ${from.cursor}`);
    return page;
  };
  return { asked, read };
}

const three = {
  '': { letters: 'ab', cursor: 'two' },
  two: { letters: 'cd', cursor: 'three' },
  three: { letters: 'e', cursor: undefined },
};

async function all<P>(pages: AsyncIterable<P>): Promise<readonly P[]> {
  const found: P[] = [];
  for await (const page of pages) found.push(page);
  return found;
}

async function lettersOf(pages: AsyncIterable<LetterPage>): Promise<readonly string[]> {
  return (await all(pages)).map(({ letters }) => letters);
}

it('pages come in order, each asked for with the cursor of the one before', async () => {
  const { asked, read } = pagesOf(three);
  expect(await lettersOf(everyPage(read))).toEqual(['ab', 'cd', 'e']);
  expect(asked).toStrictEqual([{}, { cursor: 'two' }, { cursor: 'three' }]);
});

it('a page is read when it is asked for, and not before', async () => {
  const { asked, read } = pagesOf(three);
  const pages = everyPage(read);
  expect(asked).toEqual([]);
  await pages.next();
  expect(asked).toEqual([{}]);
  await pages.next();
  expect(asked).toEqual([{}, { cursor: 'two' }]);
});

it('whoever stops early has no further page read', async () => {
  const { asked, read } = pagesOf(three);
  const first = async (): Promise<string | undefined> => {
    for await (const { letters } of everyPage(read)) return letters;
    return undefined;
  };
  expect(await first()).toBe('ab');
  expect(asked).toEqual([{}]);
});

it('a page without items is not the end, and neither is an empty cursor', async () => {
  const hollow = pagesOf({ ...three, two: { letters: '', cursor: 'three' } });
  expect(await lettersOf(everyPage(hollow.read))).toEqual(['ab', '', 'e']);
  let reads = 0;
  const emptyCursor = everyPage(async () => ({ cursor: ++reads < 3 ? '' : undefined }));
  expect(await all(emptyCursor)).toHaveLength(3);
});

it('a page that has no cursor at all is the last', async () => {
  expect(await lettersOf(everyPage(pagesOf({ '': { letters: 'a' } }).read))).toEqual(['a']);
});

it('with a start it goes on from there', async () => {
  const { asked, read } = pagesOf(three);
  expect(await lettersOf(everyPage(read, 'two'))).toEqual(['cd', 'e']);
  expect(asked).toEqual([{ cursor: 'two' }, { cursor: 'three' }]);
});

it('a failure passes on as it is, after the pages before it', async () => {
  const { read } = pagesOf({ '': { letters: 'ab', cursor: 'gone' } });
  const seen: string[] = [];
  const reading = async (): Promise<void> => {
    for await (const { letters } of everyPage(read)) seen.push(letters);
  };
  await expect(reading()).rejects.toThrow('no page at gone');
  expect(seen).toEqual(['ab']);
});

it('every row of a table is found once, however small the pages', async () => {
  const tables = memoryTables({ now: Date.now });
  const ids = Array.from({ length: 7 }, (_, at) => `user-${at}`);
  for (const userId of ids) await tables.put('users', { userId });
  const found: string[] = [];
  for await (const { items } of everyPage((from) => tables.scan('users', { limit: 2, ...from })))
    found.push(...items.map(({ item }) => item.userId));
  expect(found.toSorted()).toEqual(ids);
});
