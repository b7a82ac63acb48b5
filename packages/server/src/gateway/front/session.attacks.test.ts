import { afterEach, describe, expect, test } from 'vitest';
import { heldMb } from '../../domain/fixtures/held-memory.ts';
import { until } from '../../domain/fixtures/until.ts';
import { follow, initialize, messageIn, resultOf, rpc } from './fixtures/session-client.ts';
import { openStage, type Opened, type Stage } from './fixtures/session-stage.ts';

// A hostile client of the older era with an account of its own, and an upstream that floods it.

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
const codeOf = async (response: Response): Promise<unknown> =>
  (await messageIn(response)).error?.data?.code ?? response.status;
const untilCancelled = (_: unknown, { signal }: { signal: AbortSignal }) =>
  new Promise((__, reject) => signal.addEventListener('abort', () => reject(new Error('cancelled'))));

describe('a hostile client', () => {
  test('gets no more sessions than a person may have by opening them all at once', async () => {
    stage = openStage({ limits: { sessionsPerPersonMax: 5, sessionsMax: 12 } });
    const instance = await stage.start();
    const opening = Array.from({ length: 40 }, () => initialize(instance.url(a)));
    const statuses = (await Promise.all(opening)).map(({ initialized }) => initialized.status);
    expect(instance.sessions.count()).toBeLessThanOrEqual(5);
    expect(statuses).toContain(200);
    // Nobody else's place is gone.
    expect((await initialize(instance.url(a), { who: 'u2' })).initialized.status).toBe(200);
    expect(stage.opened.filter(({ closed }) => !closed)).toHaveLength(instance.sessions.count());
  });

  test('leaves no more requests behind than a session may have under way', async () => {
    stage = openStage({ limits: { callsMax: 10 }, answers: { 'tools/call': untilCancelled } });
    const session = await initialize((await stage.start()).url(a));
    const call = (id: number) => session.post(rpc('tools/call', {}, id));
    for (let id = 0; id < 10; id += 1) await (await call(id)).body!.cancel();
    for (let id = 10; id < 30; id += 1) expect(await codeOf(await call(id))).toBe('overloaded');
    expect(stage.opened[0]!.heard.filter((method) => method === 'tools/call')).toHaveLength(10);
    const cancelled = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 3 } };
    await session.post(cancelled);
    await until(async () => (await session.post(rpc('ping', {}, 99))).status === 200);
  });

  test('cancels, answers and resumes nothing of a session that is not its own', async () => {
    const signals: AbortSignal[] = [];
    stage = openStage({
      answers: {
        'tools/call': ({ conversation }: Opened, { signal }) => {
          signals.push(signal);
          return conversation.ask({ method: 'roots/list', params: undefined, signal });
        },
      },
    });
    const url = (await stage.start()).url(a);
    const capabilities = { roots: {} };
    const victim = await initialize(url, { who: 'u1', capabilities });
    const thief = await initialize(url, { who: 'u2', capabilities });
    const calling = follow(await victim.post(rpc('tools/call', {}, 'call')));
    await until(() => calling.messages().length > 0);
    const [question] = calling.messages();
    const answer = { jsonrpc: '2.0', id: question!.id, result: { roots: [{ uri: 'file:///thief' }] } };
    const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'call' } };
    const stolen = { 'mcp-session-id': victim.headers['mcp-session-id']! };
    for (const body of [answer, cancel]) {
      expect((await thief.post(body)).status).toBe(202);
      expect((await thief.post(body, stolen)).status).toBe(404);
    }
    const lastEventId = calling.events.find(({ id }) => id !== undefined)!.id!;
    for (const more of [{}, stolen]) {
      const resumed = await thief.listen(lastEventId, more);
      const came = resumed.status === 200 ? follow(resumed) : undefined;
      came?.drop();
      expect(JSON.stringify(came?.messages() ?? [])).not.toContain('roots/list');
    }
    expect(signals[0]!.aborted).toBe(false);
    await victim.post({ ...answer, result: { roots: [] } });
    await calling.ended;
    expect(calling.messages().at(-1)!.result).toEqual({ roots: [] });
  });

  test('makes nothing of names and ids that mean something to JavaScript', async () => {
    stage = openStage();
    const session = await initialize((await stage.start()).url(a));
    for (const id of ['__proto__', 'constructor', '', -1, 0, 'x'.repeat(10_000)]) {
      expect((await resultOf(await session.post(rpc('tools/list', {}, id)))).id).toBe(id);
      const cancel = { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: id } };
      expect((await session.post(cancel)).status).toBe(202);
    }
    for (const last of [
      'get.0.0',
      'get.999999.999999999',
      'x.1.0',
      '../u1.1.1',
      'get.1.-1',
      '1-1~Ig.1.0',
      'get',
    ])
      expect([400, 502, 200]).toContain((await session.listen(last).then(drop)).status);
    expect((await session.post(rpc('ping'))).status).toBe(200);
  });
});

async function drop(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

describe('a flood of an upstream', () => {
  test('waits in a bounded line, and the client knows that it missed something', async () => {
    stage = openStage();
    const session = await initialize((await stage.start()).url(a));
    const listening = follow(await session.listen());
    const { conversation } = stage.opened[0]!;
    const pad = 'x'.repeat(1000);
    conversation.hear({ method: 'notifications/tools/list_changed' });
    await until(() => listening.messages().length === 1);
    const last = listening.events.at(-1)!.id!;
    const before = heldMb();
    for (let at = 0; at < 100_000; at += 1)
      conversation.hear({ method: 'notifications/resources/updated', params: { uri: `x://${at}`, pad } });
    expect(heldMb() - before).toBeLessThan(50);
    await listening.ended;
    expect(await codeOf(await session.listen(last))).toBe('event_unknown');
    const again = follow(await session.listen());
    await until(() => {
      conversation.hear({ method: 'notifications/tools/list_changed' });
      return again.messages().length > 0;
    });
    expect((await resultOf(await session.post(rpc('tools/list')))).result).toEqual({ echo: {} });
    again.drop();
  });

  test('of progress takes nothing from the answer', async () => {
    stage = openStage({
      answers: {
        'tools/call': async (_, { onProgress }) => {
          for (let progress = 0; progress < 50_000; progress += 1)
            onProgress?.({ progress, message: 'x'.repeat(500) });
          return { content: [] };
        },
      },
    });
    const session = await initialize((await stage.start()).url(a));
    const params = { name: 'any', _meta: { progressToken: 't' } };
    expect((await resultOf(await session.post(rpc('tools/call', params)))).result).toEqual({ content: [] });
  });
});
