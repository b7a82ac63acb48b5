import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { follow, initialize, messageIn, resultOf, rpc } from './fixtures/session-client.ts';
import { openStage, type Stage } from './fixtures/session-stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
const resumption = { sessionId: 'upstream-1' };
const news = (n: number) => ({ method: 'notifications/resources/updated', params: { uri: `x://${n}` } });

describe('a request for a session of another instance', () => {
  test('is answered by its owner', async () => {
    stage = openStage();
    const [first, second] = [await stage.start(), await stage.start()];
    const session = (await initialize(first.url(a))).at(second.url(a));
    expect((await resultOf(await session.post(rpc('tools/list')))).result).toEqual({ echo: {} });
    const stream = follow(await session.listen());
    await until(() => stream.events.length === 1);
    stage.opened[0]!.conversation.hear(news(1));
    await until(() => stream.messages().length === 1);
    expect((await session.end()).status).toBe(200);
    expect([stage.opened.length, first.sessions.count(), second.sessions.count()]).toEqual([1, 0, 0]);
  });

  test('is not passed on for anybody but its principal at its address', async () => {
    stage = openStage({ resumption });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    first.kill();
    const others = [
      session.at(second.url(a), { authorization: 'Bearer u2' }),
      session.at(second.url(a), { authorization: 'Bearer u1/other' }),
      session.at(second.url('/mcp/b')),
    ];
    for (const other of others)
      for (const answer of [await other.post(rpc('ping')), await other.listen('get.1.0'), await other.end()])
        expect(answer.status).toBe(404);
    expect(stage.opened).toHaveLength(1);
    expect((await session.at(second.url(a)).post(rpc('ping'))).status).toBe(200);
  });
});

describe('a session whose owner is dead', () => {
  test('goes on elsewhere with everything its target has to know', async () => {
    stage = openStage({ resumption });
    const [first, second] = [await stage.start(), await stage.start()];
    const capabilities = { roots: {} };
    const session = await initialize(first.url(a), { capabilities });
    for (const uri of ['x://1', 'x://2'])
      await (await session.post(rpc('resources/subscribe', { uri }))).text();
    await (await session.post(rpc('resources/unsubscribe', { uri: 'x://2' }))).text();
    await (await session.post(rpc('logging/setLevel', { level: 'warning' }))).text();
    first.kill();
    const there = session.at(second.url(a));
    expect((await resultOf(await there.post(rpc('tools/call', { name: 'x' })))).result).toEqual({
      echo: { name: 'x' },
    });
    const [before, after] = stage.opened;
    expect(after).toMatchObject({ resumed: resumption, upstream: 'a', conversation: { capabilities } });
    expect(after!.conversation.holder).toBe(before!.conversation.holder);
    expect(after!.heard.toSorted()).toEqual([
      'logging/setLevel',
      'notifications/initialized',
      'resources/subscribe',
      'tools/call',
    ]);
    const stream = follow(await there.listen());
    for (const level of ['info', 'error'])
      after!.conversation.hear({ method: 'notifications/message', params: { level, data: level } });
    await until(() => stream.messages().length === 1);
    expect(stream.messages()[0]!.params?.data).toBe('error');
  });

  test('is lost when its target cannot go on elsewhere, and says so', async () => {
    stage = openStage();
    const [first, second] = [await stage.start(), await stage.start()];
    const sessions = [await initialize(first.url(a)), await initialize(first.url(a))];
    first.kill();
    const [one, two] = sessions.map((session) => session.at(second.url(a)));
    const answer = await one!.post(rpc('ping'));
    expect([answer.status, (await messageIn(answer)).error?.data?.code]).toEqual([404, 'session_lost']);
    const again = await one!.post(rpc('ping'));
    expect([again.status, (await messageIn(again)).error?.data?.code]).toEqual([404, 'session_unknown']);
    expect((await two!.end()).status).toBe(200);
    expect(stage.opened).toHaveLength(2);
  });

  test('replays on another instance what its client missed, and goes on from there', async () => {
    stage = openStage({ resumption });
    const [first, second, third] = [await stage.start(), await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const stream = follow(await session.listen());
    await until(() => stream.events.length === 1);
    for (let n = 0; n < 3; n += 1) stage.opened[0]!.conversation.hear(news(n));
    await until(() => stream.messages().length === 3);
    stream.drop();
    for (let n = 3; n < 6; n += 1) stage.opened[0]!.conversation.hear(news(n));
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.kill();
    const uris = (of: typeof stream) => of.messages().map(({ params }) => params?.uri);
    const there = follow(await session.at(second.url(a)).listen(stream.events.at(-1)!.id));
    await until(() => stage.opened.length === 2);
    for (let n = 6; n < 8; n += 1) stage.opened[1]!.conversation.hear(news(n));
    await until(() => there.messages().length === 5);
    expect(uris(there)).toEqual(['x://3', 'x://4', 'x://5', 'x://6', 'x://7']);
    second.kill();
    const last = follow(await session.at(third.url(a)).listen(stream.events.at(1)!.id));
    await until(() => last.messages().length === 7);
    expect(uris(last)).toEqual(['x://1', 'x://2', 'x://3', 'x://4', 'x://5', 'x://6', 'x://7']);
  });

  test('tells a client that waits for an answer that it was lost, or gives it when it was sent', async () => {
    let finish: (() => void) | undefined;
    const hang = () => new Promise((resolve) => (finish = () => resolve({ late: true })));
    stage = openStage({ resumption, answers: { hang } });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const lost = follow(await session.post(rpc('hang', {}, 'lost')));
    await until(() => lost.events.length === 1);
    const sent = follow(await session.post(rpc('hang', {}, 'sent')));
    await until(() => sent.events.length === 1);
    sent.drop();
    finish!();
    await new Promise((resolve) => setTimeout(resolve, 50));
    first.kill();
    const there = session.at(second.url(a));
    const outcomes = [
      follow(await there.listen(lost.events[0]!.id)),
      follow(await there.listen(sent.events[0]!.id)),
    ];
    await Promise.all(outcomes.map(({ ended }) => ended));
    expect(outcomes.map((one) => one.messages())).toMatchObject([
      [{ id: 'lost', error: { code: -32000, data: { code: 'request_lost' } } }],
      [{ id: 'sent', result: { late: true } }],
    ]);
  });

  test('has one new owner, however many requests come to however many instances at once', async () => {
    stage = openStage({ resumption });
    const [first, ...others] = [
      await stage.start(),
      await stage.start(),
      await stage.start(),
      await stage.start(),
    ];
    const session = await initialize(first.url(a));
    first.kill();
    const answers = await Promise.all(
      Array.from({ length: 30 }, async (_, n) => {
        const answer = await session.at(others[n % 3]!.url(a)).post(rpc('tools/call', { n }, n));
        return answer.status === 200 ? (await resultOf(answer)).result : await answer.text();
      }),
    );
    expect(answers).toEqual(Array.from({ length: 30 }, (_, n) => ({ echo: { n } })));
    expect(others.map(({ sessions }) => sessions.count()).toSorted((x, y) => x - y)).toEqual([0, 0, 1]);
    expect(stage.opened).toHaveLength(2);
  });

  test('is let go by an owner that was only thought dead, without ending it upstream', async () => {
    stage = openStage({ resumption });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    first.kill();
    await (await session.at(second.url(a)).post(rpc('ping'))).text();
    const [old] = stage.opened;
    old!.resumption = { sessionId: 'upstream-2' };
    const passage = {
      caller: old!.conversation.caller,
      address: { group: undefined, upstream: 'a' },
      correlation: 'late',
      body: rpc('tools/list'),
      bytes: 1,
    };
    const headers = { ...session.headers, accept: 'application/json, text/event-stream' };
    const request = new Request('http://gateway/mcp/a', { method: 'POST', headers });
    await (await first.sessions.answer(passage, request)).response.text();
    expect([first.sessions.count(), second.sessions.count(), old!.closed]).toEqual([0, 1, false]);
    expect((await session.at(second.url(a)).post(rpc('ping'))).status).toBe(200);
  });

  test('is left in order: its news are for the next owner, and a long call is answered by the last one', async () => {
    const finishing = Promise.withResolvers<object>();
    stage = openStage({ resumption, answers: { long: () => finishing.promise } });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const stream = follow(await session.listen());
    const call = follow(await session.post(rpc('long', {}, 'long')));
    await until(() => stream.events.length === 1 && call.events.length === 1);
    const [old] = stage.opened;
    for (let n = 0; n < 3; n += 1) old!.conversation.hear(news(n));
    await first.leave();
    expect(old!.resting).toBe(true);
    const there = follow(await session.at(second.url(a)).listen(stream.events[0]!.id));
    await until(() => there.messages().length === 3);
    // It finds out when it has something to store.
    old!.resumption = { sessionId: 'upstream-2' };
    finishing.resolve({ late: true });
    await call.ended;
    expect(call.messages()).toMatchObject([{ id: 'long', result: { late: true } }]);
    await until(() => old!.left);
    await stream.ended;
    expect([first.sessions.count(), second.sessions.count(), old!.closed]).toEqual([0, 1, false]);
    stage.opened[1]!.conversation.hear(news(3));
    await until(() => there.messages().length === 4);
  });

  test('that is opened by one that leaves has its news elsewhere, too', async () => {
    stage = openStage({ resumption });
    const [first, second] = [await stage.start(), await stage.start()];
    await first.leave();
    const session = await initialize(first.url(a));
    await until(() => stage.opened[0]!.resting);
    expect((await session.at(second.url(a)).post(rpc('ping'))).status).toBe(200);
    expect(stage.opened[1]).toMatchObject({ resumed: resumption, resting: false });
  });

  test('goes on at a restarted gateway', async () => {
    stage = openStage({ resumption });
    const first = await stage.start();
    const session = await initialize(first.url(a));
    await first.sessions.close();
    first.kill();
    const second = await stage.start();
    expect((await session.at(second.url(a)).post(rpc('ping'))).status).toBe(200);
    expect(stage.opened.map(({ closed }) => closed)).toEqual([false, false]);
  });
});

test('through any order of news, broken streams and dead owners, each message comes once and in turn', async () => {
  stage = openStage({ resumption });
  let owner = await stage.start();
  const session = await initialize(owner.url(a));
  const streams = [follow(await session.listen())];
  const events = () => streams.flatMap((one) => one.events);
  const got = () => events().flatMap(({ message }) => message?.params?.uri ?? []);
  await until(() => events().length === 1);
  let said = 0;
  let roll = 7;
  const chance = (of: number): boolean => (roll = (roll * 48_271) % 2_147_483_647) % 100 < of;
  for (let step = 0; step < 150; step += 1) {
    while (chance(70)) stage.opened.at(-1)!.conversation.hear(news(said++));
    if (!chance(40)) continue;
    if (chance(50)) await until(() => got().length === said);
    streams.at(-1)!.drop();
    while (chance(50)) stage.opened.at(-1)!.conversation.hear(news(said++));
    if (chance(30)) {
      // What was said is written down before its instance dies; a client that has it may have lost the rest.
      await new Promise((resolve) => setTimeout(resolve, 20));
      owner.kill();
      owner = await stage.start();
    }
    await streams.at(-1)!.ended;
    const last = events().findLast(({ id }) => id !== undefined)!.id;
    streams.push(follow(await session.at(owner.url(a)).listen(last)));
  }
  await until(() => got().length >= said);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(got()).toEqual(Array.from({ length: said }, (_, n) => `x://${n}`));
  expect(stage.opened.length).toBeGreaterThan(5);
});
