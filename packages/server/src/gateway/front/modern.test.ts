import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { connectModern, openModernRoom, post, type ModernRoom } from './fixtures/modern-room.ts';
import { openReply } from './modern-reply.ts';
import { scriptedTarget } from './fixtures/scripted-target.ts';

let room: ModernRoom;
afterEach(() => room.close());

async function open(limits = {}) {
  const { openTarget, happened } = scriptedTarget();
  room = await openModernRoom(openTarget, { limits });
  return happened;
}

const serverInfo = { 'io.modelcontextprotocol/serverInfo': { name: 'scripted', version: '1' } };
const none = { capabilities: {} };

describe('a request of 2026-07-28', () => {
  test('discovers the target without the tasks of an older revision, for nobody else to cache', async () => {
    await open();
    const { result } = await post(room, 'server/discover', {}, none);
    expect(result).toEqual({
      resultType: 'complete',
      supportedVersions: ['2026-07-28'],
      capabilities: {
        tools: { listChanged: true },
        prompts: {},
        resources: { subscribe: true, listChanged: true },
        logging: {},
      },
      instructions: 'be gentle',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: serverInfo,
    });
    expect(room.lines).toContainEqual(expect.objectContaining({ act: 'mcp.discover', obj: 'upstream:up' }));
  });

  test('gets results with what the revision demands, and an upstream’s own word on caching', async () => {
    await open();
    expect((await post(room, 'tools/list', {}, none)).result).toEqual({
      tools: [{ name: 't' }],
      resultType: 'complete',
      ttlMs: 0,
      cacheScope: 'private',
      _meta: serverInfo,
    });
    expect((await post(room, 'prompts/list', {}, none)).result).toMatchObject({
      ttlMs: 5000,
      cacheScope: 'public',
    });
  });

  test.each([
    'example/none',
    'completion/complete',
    'ping',
    'logging/setLevel',
    'resources/subscribe',
    'tasks/list',
  ])('of the unknown method %s is not found', async (method) => {
    const happened = await open();
    const { status, error } = await post(room, method, {}, none);
    expect([status, error.code]).toEqual([404, -32601]);
    expect(happened.methods.filter((one) => one !== 'example/none')).toEqual([]);
  });

  test('without its envelope, or of a revision nobody knows, is refused', async () => {
    await open();
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2099-01-01' };
    const later = await post(room, 'tools/list', {}, { meta });
    expect([later.status, later.error.code]).toEqual([400, -32020]);
    const bare = await post(
      room,
      'tools/list',
      {},
      { meta: { 'io.modelcontextprotocol/clientCapabilities': 1 } },
    );
    expect([bare.status, bare.error.code]).toEqual([400, -32602]);
  });

  test('for a resource that is not there gets the code of its revision', async () => {
    await open();
    const { error } = await post(room, 'resources/read', { uri: 'x://1' }, none);
    expect(error).toMatchObject({ code: -32602, data: { uri: 'x://1' } });
  });

  test('gets the log messages and the progress it asked for, and no others', async () => {
    const happened = await open();
    const call = { name: 'log', arguments: {} };
    expect((await post(room, 'tools/call', call, none)).type).toContain('application/json');
    const meta = { progressToken: 'mine', 'io.modelcontextprotocol/logLevel': 'warning' };
    const { notices, type } = await post(room, 'tools/call', call, { ...none, meta });
    expect(type).toBe('text/event-stream');
    expect(notices.map(({ params }) => params)).toEqual([
      { level: 'error', data: 'error' },
      { progress: 1, total: 2, progressToken: 'mine' },
    ]);
    expect(happened.conversations.map(({ holder }) => holder)).toEqual([undefined, expect.any(String)]);
    expect(happened.begun.map(({ params }) => params['_meta'])).toEqual([undefined, undefined]);
  });

  test('is cancelled at the upstream when the client goes away', async () => {
    const happened = await open();
    const gone = new AbortController();
    const hanging = post(room, 'tools/call', { name: 'hang' }, { signal: gone.signal });
    await until(() => happened.begun.length === 1);
    gone.abort();
    await expect(hanging).rejects.toThrow(/abort/i);
    await until(() => happened.aborted.length === 1);
    await until(() => room.modern.counts().parked === 0);
  });

  test('that is refused says so by itself, and begins no stream later on', async () => {
    await open();
    const { status, error } = await post(room, 'tools/call', { name: 'refused' }, none);
    expect([status, error.data]).toEqual([400, { code: 'upstream_unavailable' }]);
    const reply = openReply(new AbortController().signal, 5);
    reply.drop();
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(reply.begun).toBe(false);
  });

  test('that takes long is kept alive with comments', async () => {
    const happened = await open({ keepAliveMs: 20 });
    const response = fetch(room.urlOf('up'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'mcp-protocol-version': '2026-07-28',
        'mcp-method': 'tools/call',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 1,
        method: 'tools/call',
        params: {
          name: 'hang',
          _meta: {
            'io.modelcontextprotocol/protocolVersion': '2026-07-28',
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      }),
    });
    const { headers, body } = await response;
    expect([headers.get('content-type'), headers.get('x-accel-buffering')]).toEqual([
      'text/event-stream',
      'no',
    ]);
    const reader = body!.getReader();
    expect(Buffer.from((await reader.read()).value!).toString()).toContain(': keepalive\n\n');
    await reader.cancel();
    await until(() => happened.aborted.length === 1);
  });
});

describe('conversations', () => {
  test('are shared by clients that cannot be asked, and held for those that can', async () => {
    const happened = await open();
    await post(room, 'tools/list', {}, none);
    await until(() => happened.closed.length === 1);
    await post(room, 'tools/list');
    await post(room, 'tools/call', { name: 'plain' });
    expect(room.modern.counts().holders).toBe(1);
    await post(room, 'tools/list', {}, { as: 'u2/c1' });
    await post(room, 'tools/list', {}, { as: 'u1/c2' });
    expect(room.modern.counts().holders).toBe(3);
    expect(new Set(happened.conversations.map(({ holder }) => holder)).size).toBe(4);
    await room.modern.endOf({ tenant: 'g1', subject: 'u1' });
    expect(room.modern.counts().holders).toBe(1);
    expect(happened.closed).toHaveLength(3);
  });

  test('are as many as a person may have, and the next call waits its turn', async () => {
    const happened = await open({ holdersPerPersonMax: 2, holderWaitSeconds: 30 });
    const gone = new AbortController();
    const signal = gone.signal;
    const hanging = [1, 2].map(() =>
      post(room, 'tools/call', { name: 'hang' }, { signal }).catch(() => 'gone'),
    );
    await until(() => happened.begun.length === 2);
    const third = post(room, 'tools/call', { name: 'plain' });
    expect((await post(room, 'tools/list')).result['tools']).toHaveLength(1);
    expect(happened.begun).toHaveLength(2);
    expect((await post(room, 'tools/call', { name: 'plain' }, { as: 'u2/c1' })).error).toBeUndefined();
    gone.abort();
    expect((await third).error).toBeUndefined();
    expect(await Promise.all(hanging)).toEqual(['gone', 'gone']);
  });

  test('end with the upstream they were opened for', async () => {
    const happened = await open();
    await post(room, 'tools/list');
    await post(room, 'tools/list', {}, { upstream: 'other' });
    await room.modern.retire('g2', 'up');
    expect(room.modern.counts().holders).toBe(2);
    await room.modern.retire('g1', 'up');
    expect(room.modern.counts().holders).toBe(1);
    await post(room, 'tools/list');
    expect(happened.conversations).toHaveLength(3);
  });

  test('end when nobody uses them', async () => {
    const happened = await open({ holderIdleSeconds: 0.1 });
    await post(room, 'tools/list');
    await until(() => room.modern.counts().holders === 0);
    expect(happened.closed).toHaveLength(1);
  });
});

describe('a subscription', () => {
  const updated = (uri: string) => ({ method: 'notifications/resources/updated', params: { uri } });

  test('is acknowledged first with what is honoured, and tells what it promised', async () => {
    const happened = await open();
    const client = await connectModern(room, { capabilities: {} });
    const heard: unknown[] = [];
    for (const name of ['notifications/tools/list_changed', 'notifications/resources/updated'] as const)
      client.setNotificationHandler(name, (notice) => void heard.push(notice));
    const asked = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ['x://1'] };
    const subscription = await client.listen(asked);
    expect(subscription.honoredFilter).toEqual({ toolsListChanged: true, resourceSubscriptions: ['x://1'] });
    const { hear } = happened.conversations.at(-1)!;
    hear({ method: 'notifications/prompts/list_changed' });
    hear(updated('x://2'));
    hear({ method: 'notifications/message', params: { level: 'error', data: 'x' } });
    hear(updated('x://1'));
    hear({ method: 'notifications/tools/list_changed' });
    await until(() => heard.length === 2);
    expect(JSON.stringify(heard)).toContain('"io.modelcontextprotocol/subscriptionId"');
    expect(happened.subscribed).toEqual(['+x://1']);
    await subscription.close();
    await until(() => room.modern.counts().listening === 0);
    expect(happened.subscribed).toEqual(['+x://1', '-x://1']);
    await client.close();
  });

  test('of nothing that can be told ends at once, and more than a person may have are refused', async () => {
    await open({ listensPerPersonMax: 1 });
    const { notices, result } = await post(room, 'subscriptions/listen', {
      notifications: { promptsListChanged: true },
    });
    expect(notices).toMatchObject([
      { method: 'notifications/subscriptions/acknowledged', params: { notifications: {} } },
    ]);
    expect(result).toMatchObject({ _meta: { 'io.modelcontextprotocol/subscriptionId': 7 } });
    const filter = { notifications: { toolsListChanged: true } };
    const gone = new AbortController();
    const open1 = post(room, 'subscriptions/listen', filter, { signal: gone.signal }).catch(() => 'gone');
    await until(() => room.modern.counts().listening === 1);
    expect((await post(room, 'subscriptions/listen', filter)).error.data).toMatchObject({
      code: 'overloaded',
    });
    gone.abort();
    expect(await open1).toBe('gone');
    await until(() => room.modern.counts().listening === 0);
    expect((await post(room, 'subscriptions/listen', {})).error.code).toBe(-32602);
  });
});
