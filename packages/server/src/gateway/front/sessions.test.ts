import { memoryRecords } from '@sealgate/vault';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { follow, initialize, messageIn, resultOf, rpc } from './fixtures/session-client.ts';
import { openStage, type Stage } from './fixtures/session-stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';

describe('a session', () => {
  test('is opened with the revision that was asked for, and the newest for an unknown one', async () => {
    stage = openStage();
    const url = (await stage.start()).url(a);
    for (const [asked, answered] of [
      ['2025-03-26', '2025-03-26'],
      ['2025-06-18', '2025-06-18'],
      ['2025-11-25', '2025-11-25'],
      ['2030-01-01', '2025-11-25'],
      ['latest', '2025-11-25'],
    ]) {
      const { result } = await messageIn((await initialize(url, { version: asked! })).initialized);
      expect(result).toMatchObject({ protocolVersion: answered, serverInfo: { name: 'a', version: '1' } });
    }
  });

  test('is not opened in a revision below the lowest', async () => {
    stage = openStage({ minVersion: '2025-06-18' });
    const instance = await stage.start();
    const { initialized } = await initialize(instance.url(a), { version: '2025-03-26' });
    expect((await messageIn(initialized)).error).toEqual({
      code: -32602,
      message: 'Unsupported protocol version',
      data: { supported: ['2025-06-18', '2025-11-25'], requested: '2025-03-26' },
    });
    expect([instance.sessions.count(), stage.opened]).toEqual([0, []]);
  });

  test('relays what the target answers, and answers ping itself', async () => {
    stage = openStage();
    const session = await initialize((await stage.start()).url(a));
    expect((await resultOf(await session.post(rpc('tools/call', { name: 'x' }, 'i')))).result).toEqual({
      echo: { name: 'x' },
    });
    expect(await resultOf(await session.post(rpc('ping')))).toEqual({ jsonrpc: '2.0', id: 1, result: {} });
    expect(stage.opened[0]!.heard).toEqual(['tools/call']);
  });

  test('is unknown to every other person and client, and at every other address', async () => {
    stage = openStage();
    const instance = await stage.start();
    const own = await initialize(instance.url(a));
    const others = [
      own.at(instance.url(a), { authorization: 'Bearer u2' }),
      own.at(instance.url(a), { authorization: 'Bearer u1/other' }),
      own.at(instance.url('/mcp/b')),
      own.at(instance.url('/mcp')),
      own.at(instance.url('/t/g1/mcp/a')),
      own.at(instance.url(a), { 'mcp-session-id': 'guessed' }),
      own.at(instance.url(a), { 'mcp-session-id': 'x'.repeat(5000) }),
    ];
    for (const other of others)
      for (const answer of [await other.post(rpc('tools/list')), await other.listen(), await other.end()])
        expect([answer.status, (await messageIn(answer)).error?.data]).toEqual([
          404,
          { code: 'session_unknown' },
        ]);
    expect((await own.post(rpc('ping'))).status).toBe(200);
    expect(stage.opened).toHaveLength(1);
  });

  test('is stored under a name and in a form that say nothing', async () => {
    stage = openStage();
    const session = await initialize((await stage.start()).url(a));
    const { names } = await stage.records.scan({ limit: 100 });
    const stored = await Promise.all(names.map((name) => stage.records.get(name)));
    const text = [...names, ...stored.map((one) => Buffer.from(one!.bytes).toString('latin1'))].join();
    expect(names.length).toBeGreaterThan(0);
    for (const secret of [session.headers['mcp-session-id']!, '"u1"', 'clientInfo', '2025-11-25'])
      expect(text).not.toContain(secret);
  });

  test('ends by DELETE, for its target, the journal, and whoever comes later', async () => {
    stage = openStage();
    const instance = await stage.start();
    const session = await initialize(instance.url(a));
    const stream = follow(await session.listen());
    expect((await session.end()).status).toBe(200);
    await stream.ended;
    expect((await session.post(rpc('ping'))).status).toBe(404);
    expect([instance.sessions.count(), stage.opened[0]!.closed]).toEqual([0, true]);
    expect(stage.audit.lines.flatMap(({ act }) => act ?? [])).toEqual(['session.open', 'session.close']);
  });

  test('is not brought back by a write that was slower than its DELETE', async () => {
    const kept = memoryRecords({ now: Date.now });
    let slow = Promise.resolve();
    const put: typeof kept.put = async (...args) => {
      await slow;
      return kept.put(...args);
    };
    stage = openStage({ records: { ...kept, put } });
    const [first, second] = [await stage.start('first'), await stage.start('second')];
    const session = await initialize(first.url(a));
    const held = Promise.withResolvers<void>();
    slow = held.promise;
    const subscribing = session.post(rpc('resources/subscribe', { uri: 'x://1' }));
    await until(() => stage.opened[0]!.heard.includes('resources/subscribe'));
    expect((await session.end()).status).toBe(200);
    held.resolve();
    await (await subscribing).text();
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { url } of [first, second])
      expect((await session.at(url(a)).post(rpc('ping'))).status).toBe(404);
  });

  test('ends when it is idle, here and in the store', async () => {
    stage = openStage({ limits: { sessionIdleSeconds: 0.2 } });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    await until(() => first.sessions.count() === 0);
    expect((await session.at(second.url(a)).post(rpc('ping'))).status).toBe(404);
  });

  test('does not end while somebody listens', async () => {
    let nowMs = Date.now();
    stage = openStage({ limits: { sessionIdleSeconds: 0.2 }, now: () => nowMs });
    const instance = await stage.start();
    const session = await initialize(instance.url(a));
    const stream = follow(await session.listen());
    for (let round = 0; round < 6; round += 1) {
      nowMs += 150;
      // It is looked through every 200 ms, and kept anew.
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect(instance.sessions.count()).toBe(1);
    expect((await session.post(rpc('ping'))).status).toBe(200);
    stream.drop();
    await until(() => {
      nowMs += 300;
      return instance.sessions.count() === 0;
    });
  });

  test('makes room for the next one of the same person and of nobody else', async () => {
    stage = openStage({ limits: { sessionsPerPersonMax: 2 } });
    const url = (await stage.start()).url(a);
    const other = await initialize(url, { who: 'u2' });
    const [first, second] = [await initialize(url), await initialize(url)];
    await (await first.post(rpc('ping'))).text();
    await initialize(url);
    const alive = [first, second, other].map(async (one) => (await one.post(rpc('ping'))).status);
    expect(await Promise.all(alive)).toEqual([200, 404, 200]);
  });

  test('ends when its person or client loses the right to it, wherever it is served', async () => {
    stage = openStage();
    const [first, second] = [await stage.start(), await stage.start()];
    const gone = await initialize(first.url(a));
    const [client, person] = [
      await initialize(first.url(a), { who: 'u1/other' }),
      await initialize(first.url(a), { who: 'u2' }),
    ];
    await first.sessions.endOf({ tenant: 'g1', subject: 'u1', client: 'test' });
    expect((await gone.post(rpc('ping'))).status).toBe(404);
    expect((await client.post(rpc('ping'))).status).toBe(200);
    await second.sessions.endOf({ tenant: 'g1', subject: 'u1' });
    first.kill();
    expect((await client.at(second.url(a)).post(rpc('ping'))).status).toBe(404);
    expect(await (await person.at(second.url(a)).post(rpc('ping'))).json()).toMatchObject({
      error: { data: { code: 'session_lost' } },
    });
  });

  test('is not opened when the journal cannot be written', async () => {
    stage = openStage();
    const instance = await stage.start();
    stage.audit.fail();
    const { initialized } = await initialize(instance.url(a));
    expect([initialized.status, instance.sessions.count(), stage.opened]).toEqual([502, 0, []]);
  });

  test('refuses a second initialize, an id that is under way, and an answer it cannot give', async () => {
    stage = openStage({ answers: { hang: () => new Promise(() => undefined) } });
    const session = await initialize((await stage.start()).url(a));
    expect((await session.post(rpc('initialize', {}))).status).toBe(400);
    follow(await session.post(rpc('hang', {}, 7)));
    expect(await (await session.post(rpc('ping', {}, 7))).text()).toContain('under way');
    expect((await session.post(rpc('ping'), { accept: 'application/json' })).status).toBe(406);
    expect((await session.listen(undefined, { accept: 'application/json' })).status).toBe(406);
  });
});

describe('a request', () => {
  test('is cancelled by its session alone', async () => {
    const aborted: string[] = [];
    stage = openStage({
      answers: {
        hang: ({ conversation }, { signal }) =>
          new Promise((_, reject) => {
            signal.addEventListener('abort', () => {
              aborted.push(conversation.caller.subject);
              reject(signal.reason as Error);
            });
          }),
      },
    });
    const url = (await stage.start()).url(a);
    const [one, two] = [await initialize(url), await initialize(url, { who: 'u2' })];
    const [first, second] = [
      follow(await one.post(rpc('hang', {}, 5))),
      follow(await two.post(rpc('hang', {}, 5))),
    ];
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 5 } };
    expect((await one.post(cancel)).status).toBe(202);
    await first.ended;
    expect([first.messages(), aborted]).toEqual([[], ['u1']]);
    await two.end();
    await second.ended;
    expect(aborted).toEqual(['u1', 'u2']);
  });

  test('hears of its own progress under its own token', async () => {
    stage = openStage({
      answers: {
        slow: (_, { onProgress, params }) => {
          onProgress?.({ progress: 1, total: 2 });
          onProgress?.({ progress: 2, total: 2 });
          return { done: params?.['n'] };
        },
      },
    });
    const session = await initialize((await stage.start()).url(a));
    const stream = follow(await session.post(rpc('slow', { n: 1, _meta: { progressToken: 'mine' } })));
    await stream.ended;
    expect(stream.messages().map(({ params, result }) => params ?? result)).toEqual([
      { progress: 1, total: 2, progressToken: 'mine' },
      { progress: 2, total: 2, progressToken: 'mine' },
      { done: 1 },
    ]);
  });
});

test('three hundred sessions leave nothing behind', async () => {
  stage = openStage();
  const instance = await stage.start();
  const namesNow = async (): Promise<readonly string[]> => (await stage.records.scan({ limit: 100 })).names;
  const before = await namesNow();
  const [begin, clear] = [globalThis.setInterval, globalThis.clearInterval];
  const ticking = new Set<unknown>();
  globalThis.setInterval = ((...args: Parameters<typeof begin>) => {
    const timer = begin(...args);
    ticking.add(timer);
    return timer;
  }) as typeof begin;
  globalThis.clearInterval = (timer) => {
    ticking.delete(timer);
    clear(timer);
  };
  for (let round = 0; round < 30; round += 1)
    await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const session = await initialize(instance.url(n % 2 === 0 ? a : '/mcp'), { who: `u${n}` });
        const stream = follow(await session.listen());
        await (await session.post(rpc('tools/list'))).text();
        stage.opened.at(-1)!.conversation.hear({ method: 'notifications/tools/list_changed' });
        if (n % 3 === 0) stream.drop();
        await session.end();
        await stream.ended;
      }),
    );
  expect(instance.sessions.count()).toBe(0);
  expect(stage.opened.filter(({ closed }) => !closed)).toEqual([]);
  expect(ticking.size).toBe(0);
  [globalThis.setInterval, globalThis.clearInterval] = [begin, clear];
  await until(async () => (await namesNow()).length === before.length);
  expect(await namesNow()).toEqual(before);
  expect(stage.warned).toEqual([]);
});
