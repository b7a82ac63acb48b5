import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stores, type OpenedStore } from './fixtures/two-stores.ts';
import { folded, openMessages, type Message, type Messages } from './messages.ts';

const ada = { userId: 'ada', roleId: 'r1' };
const refused = { code: 'request_invalid' };
let nowMs = 0;
let store: OpenedStore;
let messages: Messages;

async function say(text: string, conversation = ada): Promise<Message> {
  nowMs += 1000;
  return messages.append(conversation, { author: 'user', text });
}

async function found(words: string, limit = 10, conversation = ada): Promise<string[]> {
  const texts: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await messages.search(conversation, { words, limit, cursor });
    expect(page.messages.length).toBeLessThanOrEqual(limit);
    texts.push(...page.messages.map(({ text }) => text));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return texts;
}

describe.each(Object.entries(stores))('messages on %s', (_, open) => {
  beforeEach(async () => {
    nowMs = 1_700_000_000_000;
    store = await open(() => nowMs);
    messages = openMessages(store.tables, () => nowMs);
  });
  afterEach(() => store.close());

  test('pages go back from the newest, each message once', async () => {
    for (let n = 0; n < 25; n += 1) await say(`m${n}`);
    const texts: string[] = [];
    let before: string | undefined;
    do {
      const page = await messages.page(ada, { limit: 10, before });
      texts.push(...page.messages.map(({ text }) => text));
      before = page.before;
    } while (before !== undefined);
    expect(texts).toEqual(Array.from({ length: 25 }, (__, n) => `m${24 - n}`));
  });

  test('a message that comes in between moves no page', async () => {
    for (let n = 0; n < 4; n += 1) await say(`m${n}`);
    const { before } = await messages.page(ada, { limit: 2 });
    await say('new');
    expect((await messages.page(ada, { limit: 2, before })).messages.map(({ text }) => text)).toEqual([
      'm1',
      'm0',
    ]);
  });

  test('messages of one instant are all there', async () => {
    for (let n = 0; n < 5; n += 1) await messages.append(ada, { author: 'assistant', text: 'same' });
    const first = await messages.page(ada, { limit: 3 });
    const rest = await messages.page(ada, { limit: 3, before: first.before });
    expect(new Set([...first.messages, ...rest.messages].map(({ messageId }) => messageId)).size).toBe(5);
  });

  test('a search finds every case and form, newest first, and no pattern', async () => {
    for (const text of ['STRASSE 100%', 'straße', 'ﬁne', 'Fine', 'É', 'é', '_a']) await say(text);
    expect(await found('FINE')).toEqual(['Fine', 'ﬁne']);
    expect(await found('É')).toEqual(['é', 'É']);
    expect(await found('straß')).toEqual(['straße']);
    expect(await found('%')).toEqual(['STRASSE 100%']);
    expect(await found('_')).toEqual(['_a']);
  });

  test('a search over many pages finds each hit once, whatever its limit', async () => {
    for (let n = 0; n < 1500; n += 1) await say(n % 100 === 7 ? `needle ${n}` : `hay ${n}`);
    const all = Array.from({ length: 15 }, (__, n) => `needle ${1407 - n * 100}`);
    for (const limit of [1, 2, 3, 15, 200]) expect(await found('needle', limit)).toEqual(all);
    expect(await found('nothing at all')).toEqual([]);
    const { messages: none, cursor } = await messages.search(ada, { words: 'nothing', limit: 5 });
    expect(none).toEqual([]);
    expect(cursor).toBeTypeOf('string');
  });

  test('nobody reads another conversation, by id, by place or by cursor', async () => {
    const others = [
      { userId: 'eve', roleId: 'r1' },
      { userId: 'ada', roleId: 'r2' },
    ];
    await say('secret of ada');
    for (let n = 0; n < 1100; n += 1) await say('hay');
    const { cursor } = await messages.search(ada, { words: 'secret', limit: 1 });
    for (const other of others) {
      await say('own', other);
      expect((await messages.page(other, { limit: 10 })).messages.map(({ text }) => text)).toEqual(['own']);
      expect(await found('secret', 10, other)).toEqual([]);
      await expect(messages.search(other, { words: 'secret', limit: 1, cursor })).rejects.toMatchObject({
        code: 'cursor_invalid',
      });
    }
    for (const conversation of [
      { userId: 'ada#r1', roleId: 'x' },
      { userId: 'ada', roleId: 'r1#x' },
      { userId: '', roleId: 'r1' },
    ])
      await expect(messages.page(conversation, { limit: 1 })).rejects.toMatchObject(refused);
  });

  test('what is too large or no text is refused', async () => {
    await expect(say('x'.repeat(64 * 1024 + 1))).rejects.toMatchObject(refused);
    await expect(say('\ud800')).rejects.toMatchObject(refused);
    // One character of three bytes that folds to eighteen letters.
    await expect(say('\ufdfa'.repeat(10_000))).rejects.toMatchObject(refused);
    for (const limit of [0, 201, 1.5])
      await expect(messages.page(ada, { limit })).rejects.toMatchObject(refused);
    for (const words of ['', 'x'.repeat(201)])
      await expect(messages.search(ada, { words, limit: 1 })).rejects.toMatchObject(refused);
    for (const cursor of ['!', 'bnVsbA', Buffer.from('[""]').toString('base64url')])
      await expect(messages.search(ada, { words: 'a', limit: 1, cursor })).rejects.toMatchObject(refused);
  });
});

test('folding twice changes nothing more', () => {
  for (const text of ['İ', 'ẞ', 'ﬁ', '㎏', 'ΑΣ', 'é']) expect(folded(folded(text))).toBe(folded(text));
});
