import { afterEach, describe, expect, test } from 'vitest';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { until } from '../../domain/fixtures/until.ts';
import { everything, tiny } from '../link/fixtures/upstreams.ts';
import { ask, connect, openRoom, type Room } from './fixtures/parts.ts';

let room: Room;
afterEach(() => room.close());

const rpc = (method: string, params: Record<string, unknown> = {}, id: number | string = 1) => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const initialize = rpc('initialize', {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 't', version: '1' },
});

async function post(upstream: string, body: object, headers: Record<string, string> = {}): Promise<Response> {
  const accept = 'application/json, text/event-stream';
  return fetch(room.urlOf(upstream), {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function openRaw(upstream: string, subject = 'u1'): Promise<Record<string, string>> {
  const response = await post(upstream, initialize, { authorization: `Bearer ${subject}` });
  await response.text();
  return { authorization: `Bearer ${subject}`, 'mcp-session-id': response.headers.get('mcp-session-id')! };
}

describe('a session', () => {
  test('is unknown to every other person, and through every other upstream', async () => {
    room = await openRoom([tiny('a'), tiny('b')]);
    const own = await openRaw('a');
    const attacks = [
      post('a', rpc('tools/list'), { ...own, authorization: 'Bearer u2' }),
      post('b', rpc('tools/list'), own),
      post('a', rpc('tools/list'), { ...own, 'mcp-session-id': 'guessed' }),
      fetch(room.urlOf('a'), { method: 'DELETE', headers: { ...own, authorization: 'Bearer u2' } }),
      fetch(room.urlOf('a'), {
        headers: { ...own, accept: 'text/event-stream', authorization: 'Bearer u2' },
      }),
    ];
    for (const attack of attacks) {
      const response = await attack;
      expect(response.status).toBe(404);
      expect(await response.text()).toContain('session_unknown');
    }
    expect((await post('a', rpc('ping'), own)).status).toBe(200);
  });

  test('ends by DELETE', async () => {
    room = await openRoom([tiny()]);
    const own = await openRaw('tiny');
    expect((await fetch(room.urlOf('tiny'), { method: 'DELETE', headers: own })).status).toBe(200);
    expect((await post('tiny', rpc('ping'), own)).status).toBe(404);
    expect(room.stdio.sessionCount()).toBe(0);
  });

  test('ends when it is idle', async () => {
    room = await openRoom([tiny()], { sessionIdleSeconds: 0.2 });
    await openRaw('tiny');
    await until(() => room.stdio.sessionCount() === 0);
  });

  test('makes room for the next one of the same person and of nobody else', async () => {
    room = await openRoom([tiny()], { sessionsPerPersonMax: 2 });
    const other = await openRaw('tiny', 'u2');
    const [first, second] = [await openRaw('tiny'), await openRaw('tiny')];
    await post('tiny', rpc('ping'), first).then((response) => response.text());
    await openRaw('tiny');
    expect(
      await Promise.all(
        [first, second, other].map(async (own) => (await post('tiny', rpc('ping'), own)).status),
      ),
    ).toEqual([200, 404, 200]);
  });

  test('is opened by initialize alone', async () => {
    room = await openRoom([tiny()]);
    const response = await post('tiny', rpc('tools/list'));
    expect([response.status, await response.json()]).toEqual([
      400,
      expect.objectContaining({ jsonrpc: '2.0' }),
    ]);
    expect(room.stdio.children.count()).toBe(0);
  });

  test('keeps answers apart when an id is used twice', async () => {
    room = await openRoom([tiny()]);
    const own = await openRaw('tiny');
    const hanging = await post('tiny', rpc('tools/call', { name: 'hang' }, 7), own);
    const twice = await post('tiny', rpc('tools/call', { name: 'pid' }, 7), own);
    expect(twice.status).toBe(502);
    expect(await twice.text()).toContain('under way');
    await hanging.body!.cancel();
  });
});

describe('a request', () => {
  test('is cancelled in the child when the session cancels it', async () => {
    room = await openRoom([tiny()]);
    const client = await connect(room, 'tiny');
    const stop = new AbortController();
    const hanging = client.callTool({ name: 'hang' }, { signal: stop.signal });
    await until(async () => (await ask(client, 'heard')).split('tools/call').length > 2);
    stop.abort('enough');
    await expect(hanging).rejects.toThrow(/abort|enough/i);
    await until(async () => (await ask(client, 'heard')).includes('["notifications/cancelled","enough"]'));
    await until(() => room.lines.some(({ out }) => out === 'aborted'));
  });

  test('is cancelled in the child when a client of the stateless era goes away', async () => {
    room = await openRoom([tiny()]);
    const [client, watcher] = [await connect(room, 'tiny', { modern: true }), await connect(room, 'tiny')];
    const stop = new AbortController();
    const hanging = client.callTool({ name: 'hang' }, { signal: stop.signal });
    await until(async () => (await ask(watcher, 'heard')).split('tools/call').length > 2);
    stop.abort();
    await expect(hanging).rejects.toThrow(/abort|enough/i);
    await until(async () => (await ask(watcher, 'heard')).includes('notifications/cancelled'));
    await until(() => room.lines.some(({ out }) => out === 'aborted'));
  });

  test('loses no progress that is written together with the result', async () => {
    room = await openRoom([tiny()]);
    const own = await openRaw('tiny');
    const body = await (
      await post('tiny', rpc('tools/call', { name: 'race', _meta: { progressToken: 'mine' } }), own)
    ).text();
    expect(body).toContain('"params":{"progress":1,"progressToken":"mine"}');
    expect(body).toContain('"done"');
  });

  test('that takes too long is given up, and says so', async () => {
    room = await openRoom([tiny()], { callSeconds: 0.3 });
    for (const modern of [false, true])
      await expect(ask(await connect(room, 'tiny', { modern }), 'hang')).rejects.toThrow(
        /did not answer in time/,
      );
    expect(room.lines.filter(({ code }) => code === 'upstream_timeout')).toHaveLength(2);
  });

  test('of an unknown method is not found, as in each era', async () => {
    room = await openRoom([tiny()]);
    const own = await openRaw('tiny');
    expect(await (await post('tiny', rpc('example/none'), own)).text()).toContain('"code":-32601');
    const meta = {
      'io.modelcontextprotocol/protocolVersion': '2026-07-28',
      'io.modelcontextprotocol/clientCapabilities': {},
    };
    const headers = { 'mcp-protocol-version': '2026-07-28', 'mcp-method': 'example/none' };
    const modern = await post('tiny', rpc('example/none', { _meta: meta }), headers);
    expect([modern.status, await modern.text()]).toEqual([404, expect.stringContaining('"code":-32601')]);
  });

  test('is in the journal with its tool, and what came of it', async () => {
    room = await openRoom([tiny()]);
    const client = await connect(room, 'tiny');
    await ask(client, 'pid');
    await ask(client, 'fail', { message: 'no' }).catch(() => undefined);
    const outcomes = room.lines
      .filter(({ act }) => act === 'tool.call')
      .map(({ id, obj, req }) => [obj, req?.tool, room.lines.find(({ cause }) => cause === id)?.out]);
    expect(outcomes).toEqual([
      ['upstream:tiny', 'pid', 'success'],
      ['upstream:tiny', 'fail', 'failure'],
    ]);
  });
});

describe('what a shared child announces', () => {
  const logged = { method: 'notifications/message', params: { level: 'info', data: 'x' } };

  async function listener(subject: string): Promise<{ client: Client; heard: string[] }> {
    const client = await connect(room, 'tiny', { subject });
    const heard: string[] = [];
    client.fallbackNotificationHandler = async ({ method }) => void heard.push(method);
    return { client, heard };
  }

  test('reaches the sessions that asked for it; log messages only whose child it is', async () => {
    room = await openRoom([tiny()]);
    const [loud, quiet, deaf] = [await listener('u1'), await listener('u2'), await listener('u3')];
    await loud.client.setLoggingLevel('debug');
    await quiet.client.setLoggingLevel('error');
    await loud.client.subscribeResource({ uri: 'x://1' });
    for (const one of [loud, quiet, deaf]) await ask(one.client, 'announce', logged);
    await ask(loud.client, 'announce', {
      method: 'notifications/resources/updated',
      params: { uri: 'x://1' },
    });
    await ask(deaf.client, 'announce', { method: 'notifications/custom', params: { of: 'u3' } });
    for (const one of [loud, quiet, deaf])
      await ask(one.client, 'announce', { method: 'notifications/tools/list_changed' });
    const list = 'notifications/tools/list_changed';
    for (const one of [loud, quiet, deaf]) await until(() => one.heard.includes(list));
    expect(loud.heard).toEqual(['notifications/message', 'notifications/resources/updated', list]);
    expect([quiet.heard, deaf.heard]).toEqual([[list], [list]]);
  });

  test('is asked for again when the child was started anew', async () => {
    room = await openRoom([tiny()]);
    const { client, heard } = await listener('u1');
    await client.setLoggingLevel('debug');
    await client.subscribeResource({ uri: 'x://1' });
    await ask(client, 'die').catch(() => undefined);
    await until(() => ask(client, 'pid').then(Boolean, () => false));
    expect(await ask(client, 'heard')).toMatch(
      /"resources\/subscribe","x:\/\/1".*"logging\/setLevel","debug"/,
    );
    await ask(client, 'announce', logged);
    await until(() => heard.includes('notifications/message'));
  });

  test('reaches subscriptions of the stateless era', async () => {
    room = await openRoom([tiny()]);
    const client = await connect(room, 'tiny', { modern: true });
    const heard: string[] = [];
    for (const name of ['notifications/tools/list_changed', 'notifications/resources/updated'] as const)
      client.setNotificationHandler(name, () => void heard.push(name));
    const subscription = await client.listen({ toolsListChanged: true, resourceSubscriptions: ['x://1'] });
    await ask(client, 'announce', { method: 'notifications/tools/list_changed' });
    await ask(client, 'announce', { method: 'notifications/resources/updated', params: { uri: 'x://1' } });
    await until(() => heard.length === 2);
    await subscription.close();
    await until(async () => (await ask(client, 'heard')).includes('resources/unsubscribe'));
  });

  test('and its tasks are those of the person whose call made them', async () => {
    room = await openRoom([tiny()]);
    const [own, other] = [await openRaw('tiny'), await openRaw('tiny', 'u2')];
    await (await post('tiny', rpc('tools/call', { name: 'task' }), own)).text();
    const say = async (method: string, headers: Record<string, string>) =>
      (await post('tiny', rpc(method, { taskId: 'task-1' }), headers)).text();
    expect(await say('tasks/get', own)).toContain('"taskId":"task-1"');
    expect(await say('tasks/list', own)).toContain('"taskId":"task-1"');
    expect(await say('tasks/get', other)).toContain('"code":-32602');
    expect(await say('tasks/cancel', other)).toContain('"code":-32602');
    expect(await say('tasks/list', other)).toContain('"tasks":[]');
  });
});

test('sixty clients leave no session, no stream and one child behind', async () => {
  room = await openRoom([everything()]);
  for (let round = 0; round < 6; round += 1) {
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const transport = new StreamableHTTPClientTransport(new URL(room.urlOf('everything')));
        const client = new Client({ name: 'drop', version: '1' });
        await client.connect(transport);
        await client.listTools();
        return { client, transport };
      }),
    );
    await Promise.all(
      clients.map(async ({ client, transport }) => transport.terminateSession().then(() => client.close())),
    );
  }
  expect(room.stdio.sessionCount()).toBe(0);
  expect(room.stdio.children.count()).toBe(1);
});
