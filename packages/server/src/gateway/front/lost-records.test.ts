import { memoryRecords, type Records } from '@sealgate/vault';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { follow, initialize, messageIn, resultOf, rpc, type RawSession } from './fixtures/session-client.ts';
import { openStage, type Stage } from './fixtures/session-stage.ts';

// The records come back with nothing in them: neither what lived nor what was ended.

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
let nowMs = 1_800_000_000_000;
const now = () => nowMs;

/** Records that can lose everything. */
function fragile(): { readonly records: Records; lose(): void } {
  let held = memoryRecords({ now });
  const records = new Proxy({} as Records, { get: (_, name) => Reflect.get(held, name) as unknown });
  return { records, lose: () => void (held = memoryRecords({ now })) };
}

const list = async (session: RawSession): Promise<number | string> => {
  const answer = await session.post(rpc('tools/list'));
  if (answer.status !== 200) return (await messageIn(answer)).error?.data?.code ?? answer.status;
  await resultOf(answer);
  return 'served';
};

describe('records that were lost', () => {
  test('are no loss to who serves a session: it is found again by all, as soon as they can find its owner', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    const there = session.at(second.url(a));
    expect(await list(there)).toBe('served');
    lose();
    // It may be found in a moment.
    expect(await list(there)).toBe('instance_unavailable');
    expect(await list(session)).toBe('served');
    await first.sessions.renew();
    expect(await list(there)).toBe('served');
    const stream = follow(await there.listen());
    await until(() => stream.events.length === 1);
    stage.opened[0]!.conversation.hear({ method: 'notifications/tools/list_changed' });
    await until(() => stream.messages().length === 1);
    expect([stage.opened.length, first.sessions.count(), second.sessions.count()]).toEqual([1, 1, 0]);
    expect((await there.end()).status).toBe(200);
    nowMs += 10_000;
    expect(await list(session)).toBe('session_unknown');
  });

  test('leave what nobody serves unknown, after a moment in which somebody might', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now, resumption: {} });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    first.kill();
    lose();
    const there = session.at(second.url(a));
    expect(await list(there)).toBe('instance_unavailable');
    nowMs += 10_000;
    expect(await list(there)).toBe('session_unknown');
  });

  test('are written anew by a request that changes something, before anybody looked', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    lose();
    await resultOf(await session.post(rpc('resources/subscribe', { uri: 'x://1' })));
    expect(await list(session.at(second.url(a)))).toBe('served');
  });

  test('say nothing of what was sent: a stream is not taken up across it', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now });
    const first = await stage.start();
    const session = await initialize(first.url(a));
    const stream = follow(await session.listen());
    await until(() => stream.events.length === 1);
    stage.opened[0]!.conversation.hear({ method: 'notifications/tools/list_changed' });
    await until(() => stream.messages().length === 1);
    stream.drop();
    lose();
    const answer = await session.listen(stream.events[0]!.id);
    expect((await messageIn(answer)).error?.data?.code).toBe('event_unknown');
    expect((await session.listen()).status).toBe(200);
  });

  test('bring back nothing that was ended after they were lost', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    lose();
    await first.sessions.renew();
    await second.sessions.endOf({ tenant: 'g1', subject: 'u1' });
    await resultOf(await session.post(rpc('resources/subscribe', { uri: 'x://1' })));
    nowMs += 10_000;
    expect(await list(session)).toBe('session_unknown');
    expect([first.sessions.count(), stage.opened[0]!.closed]).toEqual([0, true]);
  });

  test('have one owner when two had it: the second one to write lets go, and ends nothing', async () => {
    const { records, lose } = fragile();
    stage = openStage({ records, now, resumption: {} });
    const [first, second] = [await stage.start(), await stage.start()];
    const session = await initialize(first.url(a));
    await first.leave();
    expect(await list(session.at(second.url(a)))).toBe('served');
    lose();
    await second.sessions.renew();
    await first.sessions.renew();
    await until(() => stage.opened[0]!.left);
    expect([first.sessions.count(), second.sessions.count()]).toEqual([0, 1]);
    expect(stage.opened.map(({ closed }) => closed)).toEqual([false, false]);
  });
});

test('a record that is gone by itself is not written anew while the others are still there', async () => {
  const records = memoryRecords({ now });
  stage = openStage({ records, now });
  const first = await stage.start();
  const namesNow = async (): Promise<readonly string[]> => (await records.scan({ limit: 100 })).names;
  const others = await namesNow();
  const session = await initialize(first.url(a));
  for (const name of await namesNow()) if (!others.includes(name)) await records.take(name);
  await first.sessions.renew();
  expect(await list(session)).toBe('session_unknown');
  expect(first.sessions.count()).toBe(0);
});
