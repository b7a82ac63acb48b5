import { cursorInvalid, readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedPrefix, type Archive } from '../archive.ts';

// The pages of every archive: its cursor is the last name of the page before.

type Asked = Parameters<Archive['list']>[0];

/** A question for one page of blobs. */
export interface BlobPage {
  readonly prefix: string;
  /** Blobs up to this name are behind us; `''`: none is. */
  readonly behind: string;
  readonly limit: number;
  /** The cursor that goes on after a name. */
  cursorAfter(name: string): string;
}

/** @throws Refusal `item_invalid`, `cursor_invalid` */
export function checkedPage({ prefix, limit, cursor }: Asked): BlobPage {
  const question = ['blobs', checkedPrefix(prefix)];
  const [behind = ''] = cursor === undefined ? [] : readCursor(question, cursor);
  if (typeof behind !== 'string') throw cursorInvalid('no name inside');
  return { prefix, behind, limit: checkedLimit(limit), cursorAfter: (name) => writeCursor(question, [name]) };
}
