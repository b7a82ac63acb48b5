import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import {
  follow,
  initialize,
  messageIn,
  rpc,
  type Listening,
  type RawSession,
} from './fixtures/session-client.ts';
import { openStage, type Opened, type Stage, type StageOptions } from './fixtures/session-stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
const news = (n: number | string) => ({
  method: 'notifications/resources/updated',
  params: { uri: `x://${n}` },
});
const heard = (...streams: Listening[]): unknown[] =>
  streams.flatMap((stream) => stream.messages().map(({ params }) => params?.uri.slice(4)));
const lastId = (stream: Listening): string => stream.events.findLast(({ id }) => id !== undefined)!.id!;

async function begin(
  options: StageOptions = {},
  how: Parameters<typeof initialize>[1] = {},
): Promise<{ session: RawSession; target: Opened; stream: Listening }> {
  stage = openStage(options);
  const session = await initialize((await stage.start()).url(a), how);
  const stream = follow(await session.listen());
  return { session, target: stage.opened[0]!, stream };
}

/** A tool that goes on when it is told to. */
function gated(): { answers: NonNullable<StageOptions['answers']>; open: () => void } {
  const gate = Promise.withResolvers<void>();
  const slow = async (
    _: Opened,
    { onProgress }: { onProgress?: ((progress: object) => void) | undefined },
  ) => {
    onProgress?.({ progress: 1 });
    await gate.promise;
    return { done: true };
  };
  return { answers: { slow } as NonNullable<StageOptions['answers']>, open: gate.resolve };
}

describe('a stream that broke', () => {
  test('goes on where it broke: nothing is lost, nothing comes twice', async () => {
    const { session, target, stream } = await begin();
    for (let n = 0; n < 5; n += 1) target.conversation.hear(news(n));
    await until(() => heard(stream).length === 5);
    stream.drop();
    for (let n = 5; n < 10; n += 1) target.conversation.hear(news(n));
    const again = follow(await session.listen(lastId(stream)));
    for (let n = 10; n < 15; n += 1) target.conversation.hear(news(n));
    await until(() => heard(again).length >= 10);
    expect(heard(stream, again)).toEqual(Array.from({ length: 15 }, (_, n) => String(n)));
  });

  test('goes on from any event of it, however often, while new ones come', async () => {
    const { session, target, stream } = await begin();
    let n = 0;
    const timer = setInterval(() => target.conversation.hear(news(n++)), 1);
    await until(() => heard(stream).length > 20);
    let last = stream;
    for (let round = 0; round < 20; round += 1) {
      const from = last.events[Math.floor(last.events.length / 2)]!;
      const again = follow(await session.listen(from.id));
      await until(() => heard(again).length > 20);
      const first = Number(from.message?.params?.uri.slice(4) ?? -1) + 1;
      const got = heard(again);
      expect(got).toEqual(Array.from(got, (_, at) => String(first + at)));
      last = again;
    }
    clearInterval(timer);
  });

  test('is primed in the revision that knows it, so that it resumes before its first message', async () => {
    const { session, target, stream } = await begin();
    await until(() => stream.events.length === 1);
    expect(stream.events[0]).toMatchObject({ data: '', id: 'get.1.0' });
    stream.drop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    target.conversation.hear(news(1));
    const again = follow(await session.listen('get.1.0'));
    await until(() => heard(again).length === 1);
  });

  test('is not primed for older clients, who could not read it', async () => {
    const { target, stream } = await begin({}, { version: '2025-06-18' });
    target.conversation.hear(news(1));
    await until(() => stream.events.length > 0);
    expect(stream.events).toMatchObject([{ id: 'get.1.1', message: news(1) }]);
  });

  test('gives the answer of its request to the one who comes back for it', async () => {
    const { answers, open } = gated();
    const { session } = await begin({ answers });
    const first = follow(await session.post(rpc('slow', { _meta: { progressToken: 1 } }, 'mine')));
    await until(() => first.messages().length === 1);
    first.drop();
    open();
    const again = follow(await session.listen(lastId(first)));
    await again.ended;
    expect(again.messages()).toEqual([{ jsonrpc: '2.0', id: 'mine', result: { done: true } }]);
    const late = follow(await session.listen(lastId(again)));
    await late.ended;
    expect(late.events).toEqual([]);
  });

  test('and is under way still, goes on with both', async () => {
    const { answers, open } = gated();
    const { session } = await begin({ answers });
    const first = follow(await session.post(rpc('slow', { _meta: { progressToken: 1 } }, 'mine')));
    await until(() => first.messages().length === 1);
    const again = follow(await session.listen(first.events[0]!.id));
    await first.ended;
    await until(() => again.messages().length === 1);
    open();
    await again.ended;
    expect(again.messages().map(({ method, id }) => method ?? id)).toEqual([
      'notifications/progress',
      'mine',
    ]);
  });

  test('is not replayed to another session, whoever has it', async () => {
    const { target, stream } = await begin();
    target.conversation.hear(news('canary'));
    await until(() => heard(stream).length === 1);
    const url = (await stage.start()).url(a);
    for (const who of ['u1', 'u2']) {
      const other = await initialize(url, { who });
      for (const id of [
        'get.1.0',
        'get.1.1',
        lastId(stream),
        '1-1~MQ.1.0',
        'get.9.0',
        '../x.1.0',
        'get.1.-1',
        '',
      ]) {
        const answer = await other.listen(id);
        expect((await messageIn(answer)).error?.data?.code).toBe('event_unknown');
      }
    }
  });

  test('is not pretended to be whole when what was missed is no longer kept', async () => {
    for (const limits of [{ eventsMax: 3 }, { eventBytesMax: 300 }] as const) {
      const { session, target, stream } = await begin({ limits });
      await until(() => stream.events.length === 1);
      stream.drop();
      await new Promise((resolve) => setTimeout(resolve, 20));
      for (let n = 0; n < 20; n += 1) target.conversation.hear(news(n));
      await (await session.post(rpc('ping'))).text();
      expect(await (await session.listen('get.1.0')).text()).toContain('event_unknown');
      const recent = follow(await session.listen('get.1.18'));
      await until(() => heard(recent).length === 2);
      expect(heard(recent)).toEqual(['18', '19']);
      await stage.close();
    }
  });

  test('keeps what was missed for ten minutes, and no longer', async () => {
    let nowMs = Date.now();
    const { session, target, stream } = await begin({ now: () => nowMs });
    await until(() => stream.events.length === 1);
    target.conversation.hear(news(1));
    await until(() => heard(stream).length === 1);
    nowMs += 599_000;
    const again = follow(await session.listen('get.1.0'));
    await until(() => heard(again).length === 1);
    nowMs += 2000;
    expect(await (await session.listen('get.1.0')).text()).toContain('event_unknown');
    const rest = follow(await session.listen('get.1.1'));
    target.conversation.hear(news(2));
    await until(() => heard(rest).length === 1);
  });

  test('replays a message of a megabyte, and tells of one that was too large to keep', async () => {
    const { session, target, stream } = await begin();
    const large = (bytes: number) => ({
      method: 'notifications/message',
      params: { level: 'info', data: 'é'.repeat(bytes / 2) },
    });
    await until(() => stream.events.length === 1);
    target.conversation.hear(large(1_000_000));
    await until(() => stream.messages().length === 1);
    const again = follow(await session.listen('get.1.0'));
    await until(() => again.messages().length === 1);
    expect(again.messages()[0]!.params).toEqual(large(1_000_000).params);
    target.conversation.hear(large(2_000_000));
    await until(() => again.messages().length === 2);
    expect(await (await session.listen('get.1.1')).text()).toContain('event_unknown');
  });
});

describe('the standing stream', () => {
  test('is one: a second is turned down, and a resumed one takes its place', async () => {
    const { session, target, stream } = await begin();
    await until(() => stream.events.length === 1);
    expect((await session.listen()).status).toBe(409);
    const again = follow(await session.listen('get.1.0'));
    await stream.ended;
    target.conversation.hear(news(1));
    await until(() => heard(again).length === 1);
  });

  test('tells no log message below the level that was set', async () => {
    const { session, target, stream } = await begin();
    const say = (level: string) =>
      target.conversation.hear({ method: 'notifications/message', params: { level, data: level } });
    say('debug');
    await (await session.post(rpc('logging/setLevel', { level: 'warning' }))).text();
    for (const level of ['debug', 'warning', 'info', 'error']) say(level);
    await until(() => stream.messages().length === 3);
    expect(stream.messages().map(({ params }) => params?.data)).toEqual(['debug', 'warning', 'error']);
  });

  test('is what it is for one session alone', async () => {
    const { stream } = await begin();
    const other = await initialize((await stage.start()).url(a), { who: 'u2' });
    const theirs = follow(await other.listen());
    for (let n = 0; n < 50; n += 1) stage.opened[n % 2]!.conversation.hear(news(n % 2));
    await until(() => heard(stream).length + heard(theirs).length === 50);
    expect([new Set(heard(stream)), new Set(heard(theirs))]).toEqual([new Set(['0']), new Set(['1'])]);
  });
});
