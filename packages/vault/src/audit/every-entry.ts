import type { Entry } from './entry.ts';
import type { EntryPage, EntryQuery } from './pages.ts';

/** Whatever gives entries page by page, such as a journal. */
export interface EntryReader {
  page(query: EntryQuery): Promise<EntryPage>;
}

/** How far reading has come. */
export type OnReached = (reached: EntryPage['reached']) => void;

const pageMax = 1000;

/**
 * Every entry that is meant, page by page.
 *
 * @throws Refusal those of the reader, on the way
 */
export async function* everyEntry(
  reader: EntryReader,
  query: Omit<EntryQuery, 'cursor' | 'limit' | 'follow'>,
  onReached: OnReached = () => undefined,
): AsyncGenerator<readonly Entry[]> {
  let cursor: string | undefined;
  do {
    const page = await reader.page({ ...query, limit: pageMax, ...(cursor === undefined ? {} : { cursor }) });
    onReached(page.reached);
    yield page.entries;
    cursor = page.cursor;
  } while (cursor !== undefined);
}
