import { randomUUID } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ItemOf, Tables } from '@sealgate/vault';
import { refuse } from '../errors.ts';

// The messages of a role, by time: one partition a role, newest first. Beside the text lies a folded copy, which is what
// a search looks through, the same on every store. A search looks at a bounded number of messages and says how to go on.

const idForm = /^[A-Za-z0-9_-]{1,128}$/;
const textBytesMax = 64 * 1024;
const foldedBytesMax = 192 * 1024;
const pageLimitMax = 200;
/** Looked at in one query, and queries in one search: a search that finds nothing ends after 1,000 messages. */
const lookedAt = { inQuery: 200, queries: 5 };
const wordsLengthMax = 200;

/** Whose conversation with which role. */
export interface Conversation {
  readonly userId: string;
  readonly roleId: string;
}

/** A message. */
export interface Message {
  readonly messageId: string;
  /** Its place in the conversation: `createdAt#messageId`. */
  readonly sortKey: string;
  readonly createdAtMs: number;
  readonly author: 'assistant' | 'user';
  readonly text: string;
}

/** One page, newest first. */
export interface MessagePage {
  readonly messages: readonly Message[];
  /** The `before` of the next page; `undefined` on the last one. */
  readonly before: string | undefined;
}

/** What a search found, newest first. */
export interface MessagesFound {
  readonly messages: readonly Message[];
  /** Where to go on; `undefined` when everything was looked at. There may be a cursor and no message. */
  readonly cursor: string | undefined;
}

/** The messages of a deployment. Every method throws Refusal `request_invalid` for an id, text or limit outside the rules. */
export interface Messages {
  append(conversation: Conversation, message: Pick<Message, 'author' | 'text'>): Promise<Message>;
  /** @param page up to 200 messages that came before that sort key; `undefined`: the newest */
  page(
    conversation: Conversation,
    page: { readonly limit: number; readonly before?: string | undefined },
  ): Promise<MessagePage>;
  /** Messages whose text holds these words, whatever their case and form ({@link folded}). */
  search(conversation: Conversation, search: MessageSearch): Promise<MessagesFound>;
}

/** What to search for. */
export interface MessageSearch {
  readonly words: string;
  /** 1 to 200. */
  readonly limit: number;
  /** From the search before, of the same conversation and words. */
  readonly cursor?: string | undefined;
}

/** Open the messages in these tables. */
export function openMessages(tables: Tables, now: () => number): Messages {
  return {
    async append(conversation, { author, text }) {
      const fold = folded(text);
      if (
        !text.isWellFormed() ||
        Buffer.byteLength(text) > textBytesMax ||
        Buffer.byteLength(fold) > foldedBytesMax
      )
        throw refuse('request_invalid', `a message has up to ${textBytesMax} bytes of text`);
      const createdAtMs = now();
      const messageId = randomUUID();
      const sortKey = `${new Date(createdAtMs).toISOString()}#${messageId}`;
      const item = {
        roleKey: roleKeyOf(conversation),
        sortKey,
        messageId,
        createdAtMs,
        author,
        text,
        folded: fold,
      };
      await tables.put('messages', item, { ifAbsent: true });
      return { messageId, sortKey, createdAtMs, author, text };
    },
    async page(conversation, { limit, before }) {
      const found = await tables.query('messages', {
        partition: roleKeyOf(conversation),
        descending: true,
        limit: checkedLimit(limit),
        ...(before === undefined ? {} : { range: { before: checkedPlace(before) } }),
      });
      const messages = found.items.map(({ item }) => messageOf(item));
      return { messages, before: found.cursor === undefined ? undefined : messages.at(-1)?.sortKey };
    },
    search: (conversation, search) => searchIn(tables, roleKeyOf(conversation), search),
  };
}

/** The form in which texts are compared: compatibility forms made equal (NFKC), letters small. */
export function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase().normalize('NFKC');
}

async function searchIn(tables: Tables, partition: string, search: MessageSearch): Promise<MessagesFound> {
  const limit = checkedLimit(search.limit);
  const text = folded(search.words);
  if (text === '' || text.length > wordsLengthMax || !text.isWellFormed())
    throw refuse('request_invalid', `a search has 1 to ${wordsLengthMax} characters`);
  const { before, inner } = placeIn(search.cursor);
  const range = before === undefined ? {} : { range: { before } };
  const messages: Message[] = [];
  let at = inner;
  for (let queries = 0; queries < lookedAt.queries; queries += 1) {
    const found = await tables.query('messages', {
      partition,
      descending: true,
      limit: lookedAt.inQuery,
      contains: { attribute: 'folded', text },
      ...range,
      ...(at === undefined ? {} : { cursor: at }),
    });
    messages.push(...found.items.map(({ item }) => messageOf(item)));
    if (messages.length > limit) {
      const kept = messages.slice(0, limit);
      return { messages: kept, cursor: placeText(kept.at(-1)?.sortKey, undefined) };
    }
    at = found.cursor;
    if (at === undefined) return { messages, cursor: undefined };
    if (messages.length === limit) break;
    // A store that answers without a wait would hold the process for all queries together.
    await nextTurn();
  }
  return { messages, cursor: placeText(before, at) };
}

// A cursor is no right: the conversation always comes from the caller.
function placeText(before: string | undefined, inner: string | undefined): string {
  return Buffer.from(JSON.stringify([before ?? null, inner ?? null])).toString('base64url');
}

function placeIn(cursor: string | undefined): { readonly before?: string; readonly inner?: string } {
  if (cursor === undefined) return {};
  try {
    const [before, inner] = JSON.parse(Buffer.from(cursor, 'base64url').toString()) as unknown[];
    return {
      ...(typeof before === 'string' ? { before: checkedPlace(before) } : {}),
      ...(typeof inner === 'string' ? { inner } : {}),
    };
  } catch {
    throw refuse('request_invalid', 'the cursor belongs to no search');
  }
}

function roleKeyOf({ userId, roleId }: Conversation): string {
  // A `#` in either would lead into somebody else's conversation.
  if (!idForm.test(userId) || !idForm.test(roleId))
    throw refuse('request_invalid', 'not the id of a person or a role');
  return `${userId}#${roleId}`;
}

function checkedLimit(limit: number): number {
  if (Number.isSafeInteger(limit) && limit >= 1 && limit <= pageLimitMax) return limit;
  throw refuse('request_invalid', `a page has 1 to ${pageLimitMax} messages`);
}

function checkedPlace(before: string): string {
  if (before !== '' && before.length <= 200 && before.isWellFormed()) return before;
  throw refuse('request_invalid', 'not a place in a conversation');
}

function messageOf(item: ItemOf<'messages'>): Message {
  const { messageId, sortKey, createdAtMs, author, text } = item;
  return {
    messageId: typeof messageId === 'string' ? messageId : '',
    sortKey,
    createdAtMs: Number(createdAtMs),
    author: author === 'assistant' ? 'assistant' : 'user',
    text: typeof text === 'string' ? text : '',
  };
}
