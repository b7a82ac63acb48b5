import { memoryRecords } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openEventRecords } from './event-records.ts';
import { follow, initialize, rpc } from './fixtures/session-client.ts';
import { openStage, type Opened, type Stage } from './fixtures/session-stage.ts';
import { heardBefore } from './heard.ts';
import type { SessionRecord } from './session-record.ts';
import type { Position } from './target.ts';

// What an upstream says while nobody owns the session: the next owner goes on where the last one wrote.

let stage: Stage | undefined;
afterEach(() => stage?.close());

const a = '/mcp/a';
const resumption = { sessionId: 'upstream-1' };
const placeOf = (read: number, session = 's1'): Position => ({
  upstream: 'a',
  session,
  id: `id-${read}`,
  read,
});
const news = (n: number) => ({ method: 'notifications/resources/updated', params: { uri: `x://${n}` } });

/** An upstream whose stream can be taken up again: it says numbers to whoever has the session now. */
function talkative() {
  let said = 0;
  let ear: Opened | undefined;
  const tell = (read: number): void => ear?.conversation.hear(news(read), placeOf(read));
  return {
    said: () => said,
    say(): void {
      said += 1;
      tell(said);
    },
    /** Nobody listens any more. */
    deaf: () => void (ear = undefined),
    /** Somebody comes back with the place where they were, or begins now. */
    listen(opened: Opened): void {
      ear = opened;
      const from = opened.conversation.heardUpTo?.('a')?.read ?? said;
      for (let read = from + 1; read <= said; read += 1) tell(read);
    },
  };
}

describe('a session whose owner dies while its upstream talks', () => {
  test('goes on with the upstream after what is written down, however far that is', async () => {
    stage = openStage({ resumption });
    let owner = await stage.start();
    const upstream = talkative();
    const session = await initialize(owner.url(a));
    const streams = [follow(await session.listen())];
    const events = () => streams.flatMap((one) => one.events);
    const got = () => events().flatMap(({ message }) => message?.params?.uri ?? []);
    await until(() => events().length === 1);
    upstream.listen(stage.opened[0]!);
    upstream.say();
    await until(() => got().length === 1);
    let roll = 11;
    const chance = (of: number): boolean => (roll = (roll * 48_271) % 2_147_483_647) % 100 < of;
    for (let step = 0; step < 120; step += 1) {
      while (chance(70)) upstream.say();
      if (chance(50)) await until(() => got().length === upstream.said());
      if (!chance(30)) continue;
      // Whatever is being written down at this moment, or is not.
      owner.kill();
      upstream.deaf();
      await streams.at(-1)!.ended;
      while (chance(60)) upstream.say();
      owner = await stage.start();
      const there = session.at(owner.url(a));
      // Before the client has come back for its stream, a request of it may have moved the session.
      if (chance(50)) await (await there.post(rpc('ping', {}, `ping ${step}`))).text();
      const owned = owner.sessions.count() === 1;
      if (owned) upstream.listen(stage.opened.at(-1)!);
      while (chance(60)) upstream.say();
      const last = events().findLast(({ id }) => id !== undefined)!.id;
      streams.push(follow(await there.listen(last)));
      if (!owned) upstream.listen(stage.opened.at(-1)!);
    }
    await until(() => got().length >= upstream.said());
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(got()).toEqual(Array.from({ length: upstream.said() }, (_, n) => `x://${n + 1}`));
    expect(stage.opened.length).toBeGreaterThan(10);
  });

  test('goes on there after many messages, most of which are no longer kept', async () => {
    stage = openStage({ resumption, limits: { eventsMax: 20 } });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const stream = follow(await session.listen());
    await until(() => stream.events.length === 1);
    for (let n = 1; n <= 200; n += 1) {
      stage.opened[0]!.conversation.hear(news(n), placeOf(n));
      if (n % 7 === 0) await until(() => stream.messages().length === n);
    }
    await until(() => stream.messages().length === 200);
    first.kill();
    await (await session.at(second.url(a)).post(rpc('ping'))).text();
    expect(stage.opened[1]!.conversation.heardUpTo?.('a')).toEqual(placeOf(200));
  });

  test('was told what nobody listened to: it does not come back', async () => {
    stage = openStage({ resumption });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    for (let n = 1; n <= 5; n += 1) stage.opened[0]!.conversation.hear(news(n), placeOf(n));
    await (await session.post(rpc('tools/list'))).text();
    first.kill();
    await (await session.at(second.url(a)).post(rpc('ping'))).text();
    expect(stage.opened[1]!.conversation.heardUpTo?.('a')).toEqual(placeOf(5));
  });

  test('hears of lists that may have changed meanwhile', async () => {
    const introduction = { capabilities: { tools: { listChanged: true }, prompts: {} } };
    stage = openStage({ resumption, introduction });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const stream = follow(await session.listen());
    await until(() => stream.events.length === 1);
    stage.opened[0]!.conversation.hear(news(1), placeOf(1));
    await until(() => stream.messages().length === 1);
    first.kill();
    const there = follow(await session.at(second.url(a)).listen(stream.events.at(-1)!.id));
    await until(() => there.messages().length === 1);
    expect(there.messages()[0]!.method).toBe('notifications/tools/list_changed');
  });
});

describe('the places of events', () => {
  const open = () =>
    openEventRecords({
      records: memoryRecords({ now: Date.now }),
      sealer: oneKeySealer(),
      tenant: 'g1',
      subject: 'u1',
      session: 's1',
    });
  const name = (number: number, generation = 1) => ({ stream: 'get', generation, number });
  const endsAtMs = Date.now() + 60_000;
  const recordOf = (of: Partial<SessionRecord>) => of as SessionRecord;

  test.each(['', 'short', 'é'.repeat(300_000)])('lie beside a message of any length', async (text) => {
    const events = open();
    for (const at of [undefined, placeOf(7)])
      for (const final of [true, false]) {
        await events.write(name(1), { text, final, at }, endsAtMs);
        expect(await events.read(name(1))).toEqual({ id: 'get.1.1', text, final, at });
      }
  });

  test('are read from where the record ends, over all owners since, and not across a hole', async () => {
    const events = open();
    const write = (number: number, generation: number, read: number): Promise<void> =>
      events.write(name(number, generation), { text: 'x', final: false, at: placeOf(read) }, endsAtMs);
    await Promise.all([write(3, 1, 3), write(4, 1, 4), write(6, 1, 6), write(1, 3, 5)]);
    const heard = { a: placeOf(2), b: { ...placeOf(9), upstream: 'b' } };
    const before = (generation: number, told = 'get.1.2') =>
      heardBefore(events, recordOf({ heard, told, generation }));
    expect(await before(1)).toEqual({ ...heard, a: placeOf(4) });
    expect(await before(3)).toEqual({ ...heard, a: placeOf(5) });
    expect(await before(3, 'get.3.1')).toEqual(heard);
    expect(await heardBefore(events, recordOf({ heard, told: undefined, generation: 3 }))).toEqual(heard);
  });
});
